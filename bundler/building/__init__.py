"""A project and its models become one immutable bundle."""
