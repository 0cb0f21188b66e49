"""Files of rows in, files of predictions out: read, set broken rows aside, go on after an interruption."""
