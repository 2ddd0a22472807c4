"""What each verb does: a function of its name, given a place and what was typed, that hands back an `Answer`."""
