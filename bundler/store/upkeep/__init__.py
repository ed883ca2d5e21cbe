"""Upkeep of a store: verification, repair, garbage collection, disk usage."""
