"""Service classes: their annotations on the wire, and the calls of their methods."""
