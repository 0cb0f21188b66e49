"""Metrics as `evaluate` loads them from disk: a folder each, with a file of the same name."""
