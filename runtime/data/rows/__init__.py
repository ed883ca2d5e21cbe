"""Rows: JSON to the arrays and DataFrames that a model takes, and outputs to JSON.

The signature of a method says which. `schema` says the same as JSON Schema, and `extent` how much
of it a body may hold.
"""
