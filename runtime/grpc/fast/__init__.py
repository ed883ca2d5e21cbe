"""Fast: calls of `ModelInfer` of a known form, read and answered a batch at a time."""
