"""Model + labelled rows -> what it gets wrong: confusions, surest mistakes, weak labels, likely label errors."""
