"""Binary: bytes and images, as raw bodies or in base64 inside JSON."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import Any

from ....errors import InvalidInput, MissingFramework, PayloadTooLarge
from .decoder import ValueDecoder, refused
from .spec import NAMED

_pixels: ContextVar[list[int] | None] = ContextVar("pixels", default=None)  # of this request


@contextmanager
def one_request() -> Iterator[None]:
    """Count the pixels of all images that are read in this block.

    Together they may have `PIL.Image.MAX_IMAGE_PIXELS`: a file of 2 KB can become gigabytes.
    """
    token = _pixels.set([])
    try:
        yield
    finally:
        _pixels.reset(token)


def _bytes(value: Any, where: str) -> bytes:
    if type(value) is bytes:
        return value  # a raw body
    text = value.get("b64") if type(value) is dict and len(value) == 1 else value
    if type(text) is not str:
        raise refused(where, 'base64 (a string, or {"b64": "..."})', value)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidInput(f"{where}: this is not base64.") from None


def _image(value: Any, where: str) -> Any:
    data = _bytes(value, where)
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingFramework("pillow", "pillow") from error
    try:
        image = Image.open(BytesIO(data))
        _check(image, Image.MAX_IMAGE_PIXELS, where)
        image.load()  # here, so that a damaged one is the client's fault and not the method's
    except (InvalidInput, PayloadTooLarge):
        raise
    except Image.DecompressionBombError:
        raise InvalidInput(f"{where}: the image has too many pixels.") from None
    except Exception:  # noqa: BLE001 - for a damaged file a plugin of PIL's raises anything
        raise InvalidInput(f"{where}: this is not an image that can be read.") from None
    return image


def _check(image: Any, most: int | None, where: str) -> None:
    """Refuse files that are too large, or programs, before they are decoded."""
    if image.format == "EPS":  # Ghostscript would run it
        raise InvalidInput(f"{where}: EPS images are not read.")
    seen = _pixels.get()
    if seen is None:
        seen = []
    seen.append(image.width * image.height)
    if most is not None and sum(seen) > most:
        raise PayloadTooLarge(f"{where}: the images of a request have too many pixels.")


BYTES = ValueDecoder(NAMED["builtins.bytes"], _bytes)
IMAGE = ValueDecoder(NAMED["PIL.Image.Image"], _image)


def encoded(image: Any, format: str = "png") -> bytes:
    """An image as the bytes of a file: "png" or "jpeg"."""
    if format == "jpeg" and image.mode not in {"RGB", "L", "CMYK"}:
        image = image.convert("RGB")
    file = BytesIO()
    image.save(file, format)
    return file.getvalue()
