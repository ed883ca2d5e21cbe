"""The supervisor: restarts and scales processes, loads and unloads models."""
