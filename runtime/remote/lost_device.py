"""Lost device: errors after which a process can no longer use its GPU.

CUDA keeps what goes wrong inside of a kernel: every call that follows fails with it, whatever the
rows, until the process is another one.
Source: CUDA Driver API, "Error handling", the errors that leave a process in an inconsistent state.
"""

_KEPT = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "unspecified launch failure",
    "hardware stack error",
    "launch timed out",
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
)


def is_lost(error: BaseException | None) -> bool:
    """Whether `error`, or its cause, is one of them; imports no library to find out."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told = " ".join(map(str, error.args)).lower()
        if "cuda" in told and any(words in told for words in _KEPT):
            return True
        error = error.__cause__ or error.__context__
    return False
