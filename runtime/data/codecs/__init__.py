"""Codecs: one file per content type: JSON, CSV, npy, forms, images and more.

None of them knows a connection; what a signature wants of the rows is for `data.rows` to do.
"""
