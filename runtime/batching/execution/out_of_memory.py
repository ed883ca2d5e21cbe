"""Recognizes the out-of-memory errors of a model."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may succeed. Imports none of the libraries."""
    if isinstance(error, MemoryError):
        return True
    if any(cls.__name__ == "OutOfMemoryError" for cls in type(error).__mro__):
        return True  # torch.cuda.OutOfMemoryError
    # onnxruntime, xgboost and older torch have no class of their own for it.
    if not isinstance(error, RuntimeError):
        return False
    text = " ".join(map(str, error.args)).lower()
    return "out of memory" in text or "failed to allocate memory" in text
