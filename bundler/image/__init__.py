"""Images: makes a container image from a bundle."""
