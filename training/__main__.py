"""Thaw from a terminal: `python -m training VERB`."""

from training.cli import thaw

if __name__ == "__main__":
    thaw()
