"""What each terminal command does: `Namespace -> Answer`."""
