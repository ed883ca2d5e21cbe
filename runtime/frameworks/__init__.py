"""One adapter a library: how its models are saved, loaded and called."""
