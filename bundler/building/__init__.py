"""Builds a bundle from a project and its models."""
