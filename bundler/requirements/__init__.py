"""From requirements to exact wheels, the hardware they want, and an environment made of them."""
