"""The Compare page: scoreboard, verdict, table, the same images side by side."""
