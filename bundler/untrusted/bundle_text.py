"""Bundle text: reads a text file of a bundle, which may be hostile."""

from pathlib import Path

from ...runtime.errors import InvalidBundle


def read(path: Path, name: str) -> str:
    """The text of the file at `path`; in the bundle it is called `name`.

    Raises:
        InvalidBundle: when it is not there, or no text.
    """
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise InvalidBundle(f"The bundle has no `{name}`.") from error
    except UnicodeDecodeError as error:
        raise InvalidBundle(f"`{name}` of the bundle is not text.") from error
