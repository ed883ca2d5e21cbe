"""Picture: decodes a PNG or JPEG file to the pixel tensor that a model takes.

Only fields of `uint8` whose shape is that of a picture take one, of exactly that size: how a model
wants pixels scaled, normalized or cropped is known to nobody here.
"""

import warnings
from io import BytesIO
from typing import Any

import numpy as np

from ...errors import BadPayload, InvalidInput, MissingFramework, PayloadTooLarge
from ...manifests.signature import Field, Side

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PLAIN = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"})  # 8 bits a channel
_MATRIX, _CHANNELED = 3, 4  # dimensions of a batch of pictures


def field_of(side: Side) -> Field | None:
    """The one field of `side` that is a picture, where there is one."""
    if side.layout not in {"array", "tensors"} or len(side.fields) != 1:
        return None
    field = side.fields[0]
    return field if field.dtype == "uint8" and _layout(field.shape) else None


def loads(data: bytes, kind: str, field: Field, most_bytes: int) -> np.ndarray:
    """The picture in `data` as a batch of one; `kind` is "png" or "jpeg".

    Its size is compared with the field's before any pixel is decoded.

    Raises:
        BadPayload: when it is not such a file.
        InvalidInput: when it is of another size, or has more than 8 bits a channel.
        PayloadTooLarge: beyond `most_bytes` of pixels.
        MissingFramework: when there is no pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingFramework("pillow", "pillow") from error
    channels, is_last = _layout(field.shape) or (1, True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # sizes are checked
            image = Image.open(BytesIO(data), formats=[kind.upper()])
        _check(image, field, channels, is_last=is_last, most_bytes=most_bytes)
        pixels = np.asarray(image.convert(_MODES[channels]))
    except Image.DecompressionBombError:
        raise PayloadTooLarge("The picture has too many pixels.") from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError) as error:
        raise BadPayload(f"The body is not a {kind.upper()} file that can be read.") from error
    if len(field.shape) == _CHANNELED:
        pixels = pixels.reshape(*pixels.shape[:2], channels)
        pixels = pixels if is_last else np.ascontiguousarray(np.moveaxis(pixels, 2, 0))
    return pixels[None]


def _layout(shape: tuple[int | None, ...]) -> tuple[int, bool] | None:
    """How many channels a field's pictures have, and whether they are its last dimension."""
    if len(shape) == _MATRIX:
        return 1, True
    if len(shape) != _CHANNELED:
        return None
    if shape[3] in _MODES:
        return shape[3] or 1, True
    return (shape[1] or 1, False) if shape[1] in _MODES else None


def _check(image: Any, field: Field, channels: int, *, is_last: bool, most_bytes: int) -> None:
    width, height = image.size
    sizes = field.shape[1:3] if is_last else field.shape[2:4]
    if any(want not in {None, got} for want, got in zip(sizes, (height, width), strict=True)):
        tall, wide = ("any" if size is None else str(size) for size in sizes)
        raise InvalidInput(
            f"instances[0]: expected a picture of {wide} x {tall} pixels, got {width} x {height}; "
            "it is not resized here."
        )
    if width * height * channels > most_bytes:
        raise PayloadTooLarge("The picture has too many pixels.")
    if image.mode not in _PLAIN:
        raise InvalidInput("instances[0]: expected a picture of 8 bits a channel.")
