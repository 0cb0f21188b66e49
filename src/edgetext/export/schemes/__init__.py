"""The int8 schemes: a table of them in registry.py, over a builder for each kind."""
