"""The contract of a method: its annotations as decoders, encoders and JSON Schema."""
