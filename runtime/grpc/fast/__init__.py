"""The fast path of `ModelInfer`: calls of a known form, decoded and answered by the batch."""
