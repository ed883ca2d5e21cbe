"""What the author wrote: the bundlefile, the sources, and what must not travel with them."""
