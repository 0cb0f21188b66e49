"""Labelled text: read from files, checked row by row, split into training and held-out parts.

CSV and JSON Lines need the standard library alone; Parquet, the Hub and the cutting of new parts need the
``train`` extra. Nothing is imported here: what reads rows serves predicting too, which must not wait for the rest.
"""
