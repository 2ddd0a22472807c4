"""Thaw from a terminal: `python -m training VERB`, or `thaw VERB` by the script beside `app.py`."""

from training.cli import thaw

if __name__ == "__main__":
    thaw()
