"""What is in labelled text, and what is wrong with it, before anything is trained: ``edgetext data``."""
