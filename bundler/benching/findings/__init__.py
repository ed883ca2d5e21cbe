"""Statistics of measurements, and advice from them."""
