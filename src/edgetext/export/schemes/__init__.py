"""The int8 recipes: one small file each, and one line in ``registry.py``."""
