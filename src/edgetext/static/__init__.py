"""Training of tables of word vectors (``runtime/static.py``): the encoder's own vectors, then its own answers."""
