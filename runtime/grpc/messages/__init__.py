"""Messages of the protocols that are spoken: lists of fields, in a descriptor pool of our own."""
