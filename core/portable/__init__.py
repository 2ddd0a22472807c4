"""What leaves with an exported model and runs without Thaw: plain files that import none of it."""
