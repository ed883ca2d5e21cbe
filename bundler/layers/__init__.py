"""What an image is made of: layers that are the same bytes on every machine."""
