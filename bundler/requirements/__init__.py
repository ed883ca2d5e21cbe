"""Requirements: exact wheels, the hardware they need, and an environment of them."""
