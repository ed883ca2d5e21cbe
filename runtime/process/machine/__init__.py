"""The resources of the machine: cores, memory, GPUs, file descriptors."""
