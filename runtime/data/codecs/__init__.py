"""Codecs: a file for each content type that rows come in: JSON, CSV, npy, forms, pictures and more.

None of them knows a connection; what a signature wants of the rows is for `data.rows` to do.
"""
