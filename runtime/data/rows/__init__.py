"""Rows: JSON to the arrays and frames that a model takes, and what it answered to rows of JSON.

The signature of a method says which. `schema` says the same as JSON Schema, and `extent` how much
of it a body may hold.
"""
