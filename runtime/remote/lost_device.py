"""Lost device: errors after which a process can no longer use its GPU.

After an error inside a kernel, every further CUDA call of the process fails with the same error,
whatever its inputs. Only a new process helps.
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
    """Whether `error`, or its cause, is such an error; imports no library."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text = " ".join(map(str, error.args)).lower()
        if "cuda" in text and any(words in text for words in _KEPT):
            return True
        error = error.__cause__ or error.__context__
    return False
