"""Array: dtype and shape of an ndarray's rows, for an annotation."""

from dataclasses import dataclass

_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = frozenset(("bool", "float16", "float32", "float64", "str", *_WHOLE))
"""What JSON, npy and csv can all carry."""


@dataclass(frozen=True, slots=True)
class Array:
    """dtype and shape of an array: `Annotated[np.ndarray, Array("float32", (None, 64))]`.

    `shape` begins with the axis of the rows; None is a dimension of any size. Without a shape any
    is taken; without a dtype every number arrives as float64, however the client spells it.
    """

    dtype: str | None = None
    shape: tuple[int | None, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse an annotation that no request could satisfy.

        Raises:
            ValueError: for a dtype that cannot travel, or an invalid shape.
        """
        if self.dtype is not None and self.dtype not in DTYPES:
            known = ", ".join(sorted(DTYPES))
            raise ValueError(f"`{self.dtype}` is not a dtype of requests; take one of {known}.")
        if self.shape is not None:
            object.__setattr__(self, "shape", tuple(self.shape))
            if not all(size is None or _is_size(size) for size in self.shape):
                raise ValueError(f"`{self.shape}` is not a shape; write sizes, and None for any.")


def _is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0
