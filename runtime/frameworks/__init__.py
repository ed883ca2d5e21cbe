"""Frameworks: one adapter per library, which saves, loads and calls its models."""
