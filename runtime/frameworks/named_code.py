"""Named code: stores the author's modules whose objects a pickle refers to by name.

Classes and functions of the author are pickled by value. A sentinel (an object that code compares
with `is`) is pickled by its name, so the module that defines it is stored with the model.
"""

import sys
from pathlib import Path

from ..errors import InvalidModel
from ..pickles import pickling
from ..pickles.scanning import scan
from .local_code import CannotTravel, LocalCode, gather


def bring(pickle: Path) -> LocalCode:
    """Write the source of such modules beside a new `pickle`; most pickles need none.

    Raises:
        InvalidModel: when it cannot be stored.
    """
    found = scan(pickle)
    named = pickling.local_modules(found.modules)
    if not named:
        return LocalCode({})
    names = sorted({each for each in found.globals if each.partition(".")[0] in named})
    try:
        return gather({_module(each) for each in names}).written(pickle.parent)
    except CannotTravel as reason:
        raise InvalidModel(
            f"The model cannot be saved: `{names[0]}` is pickled by its name, and {reason}.",
            hint="Serve a bundle whose `src/` has its module, and save an object without it.",
        ) from reason


def _module(name: str) -> str:
    """The module of `package.module.Class.attribute`: its longest part that is imported."""
    while name not in sys.modules:
        name = name.rpartition(".")[0]
    return name
