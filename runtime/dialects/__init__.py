"""Dialects: how clients of other servers speak, understood; knows no connection."""
