"""A model that others made: what its files say, whether they agree, and a folder in which no pickle can be read."""
