"""The loops that `benchmarks.speed` measures Thaw against, each run as its own process. Not part of Thaw."""
