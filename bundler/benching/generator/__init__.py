"""Who asks: a process that keeps many connections busy on one thread.

It is told a load, sends requests as they are due, reads as much of each response as it must, and
counts.
"""
