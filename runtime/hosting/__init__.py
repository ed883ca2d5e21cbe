"""Hosting: loads and unloads models in a server process."""
