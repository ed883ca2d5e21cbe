"""Where a server listens, and how what waits there is neither lost nor turned away."""
