"""Columnar: Arrow and Parquet, whose columns become arrays without building rows.

What a file claims of itself is read by code of our own before pyarrow sees it.
"""
