"""What is measured: a server, started for it or running already.

It is found by its bundle or its URL; its samples are the questions that it is asked; its
processes and its metrics are the instruments that are read meanwhile.
"""
