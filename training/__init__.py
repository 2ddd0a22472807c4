"""DOING it: engine, caches, store, workers, the terminal. torch only where a worker runs.

This package file imports nothing, so that importing a room costs that room alone.
"""
