"""The server that is measured: started for it, or already running."""
