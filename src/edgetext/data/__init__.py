"""Labelled text: read from files, checked row by row, split into training and held-out parts.

CSV, JSON, folders of texts and packed files need the standard library alone; workbooks need the extra ``excel``,
Parquet, the Hub and the cutting of new parts ``train``. Nothing is imported here: what reads rows serves predicting
too, which must not wait for the rest.
"""
