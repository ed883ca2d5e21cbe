"""Processes of a server: started, supervised, shut down."""
