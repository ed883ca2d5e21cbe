"""Named code: the source of the author's own modules of which a pickle names something.

An author's classes and functions are in a pickle by value. What is there by its name all the same,
a lone object that is told from others by `is`, needs the module that it is in.
"""

import sys
from pathlib import Path

from ..errors import InvalidModel
from ..pickles import pickling
from ..pickles.scanning import scan
from .local_code import CannotTravel, LocalCode, gather


def bring(pickle: Path) -> LocalCode:
    """Write that source beside a `pickle` just made; it is often none at all.

    Raises:
        InvalidModel: when it cannot be stored.
    """
    found = scan(pickle)
    named = pickling.local_modules(found.modules)
    if not named:
        return LocalCode({})
    asked = sorted({each for each in found.globals if each.partition(".")[0] in named})
    try:
        return gather({_module(each) for each in asked}).written(pickle.parent)
    except CannotTravel as reason:
        raise InvalidModel(
            f"The model cannot be saved: `{asked[0]}` is pickled by its name, and {reason}.",
            hint="Serve a bundle whose `src/` has its module, and save an object without it.",
        ) from reason


def _module(name: str) -> str:
    """The module of `package.module.Class.attribute`: its longest part that is imported."""
    while name not in sys.modules:
        name = name.rpartition(".")[0]
    return name
