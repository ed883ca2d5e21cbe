"""From what a person names to the process that serves it.

What shall be served and how it is started, what else a server may load and offer while it runs,
and where the ones that run are found.
"""
