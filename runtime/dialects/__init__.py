"""Dialects: the APIs of other model servers, without any knowledge of connections."""
