"""Labelled text -> checkpoint, through ``transformers.Trainer``."""
