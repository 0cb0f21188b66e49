"""How fast, honestly: one process a candidate, one at a time, in shuffled turns, raw samples."""
