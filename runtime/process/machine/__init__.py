"""What there is to serve with: cores, memory, GPUs, descriptors."""
