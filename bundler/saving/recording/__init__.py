"""A live model is called with a sample, and what it takes and gives is written down.

The sample as a person gave it, the signature that follows from it and from the answers, and what
only the model itself knows: its classes, and which fields may lack a value.
"""
