"""The page of one run: matrix, images behind it, corrections, what was found inside."""
