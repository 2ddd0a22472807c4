"""The synthetic experiment of Playground and lessons, and the kept-warm processes that answer it."""
