"""A finished run opened again: losses, activation maps, what moved, what was forgotten."""
