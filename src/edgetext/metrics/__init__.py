"""What "as good" means: `evaluate` modules for the figures of a model, paired statistics for comparing two."""
