"""Opening: loads a model file that was just written or given, or explains why it cannot."""

from pathlib import Path
from typing import Any

from ...runtime.errors import BundleError, in_short
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.pickles.policy import Policy
from ...runtime.system import shared_library
from ..errors import InvalidSource


def load(framework: Framework, directory: Path, saved: Saved) -> Any:
    """The model in `directory`, on the CPU.

    Raises:
        InvalidSource: when it cannot be loaded here.
    """
    try:
        return framework.load(directory, saved.format, saved.options, "cpu", Policy())
    except BundleError:
        raise
    except Exception as error:
        library = shared_library.hint(error)
        if library is None and isinstance(error, ImportError):
            raise InvalidSource(
                f"Opening a {framework.name} file takes a module that is not here: {error}.",
                hint=_hint_missing(framework, error),
            ) from error
        reason = in_short(error).replace(f"{directory}/", "")  # of a copy: nobody knows it
        raise InvalidSource(
            f"The {framework.name} file cannot be loaded: {reason}.", hint=library
        ) from error


def _hint_missing(framework: Framework, error: ImportError) -> str:
    absent = (error.name or "").partition(".")[0]
    if not absent or absent in {framework.name, *framework.extra.split()}:
        return f"Install it with `pip install {framework.extra}`."
    return (
        f"A pickle does not hold its code. If `{absent}` is yours, load the file in a program that "
        "can import it, and save the object, which takes the code along: "
        "`modelbundle.save(NAME, model)`. Else install its package."
    )
