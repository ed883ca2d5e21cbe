"""`bundle bench`: a server under load, measured and explained."""
