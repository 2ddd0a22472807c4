"""Bringing images and runs in: drop zone, path, samples, public sets, bundles."""
