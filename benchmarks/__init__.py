"""Commands that print the figures this project quotes. Results are committed as tables, losses included."""
