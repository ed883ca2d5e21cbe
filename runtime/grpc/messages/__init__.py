"""Messages of the protocols that are spoken, as lists of fields, in a descriptor pool of our own."""
