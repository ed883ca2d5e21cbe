"""Torch code: stores the source of the author's own classes with a recipe."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...manifests.model_manifest import CODE
from ..carried_code import CarriedCode, plain
from ..local_code import CannotTravel, LocalCode, gather
from . import recipe as torch_recipe


def attach(
    recipe: Mapping[str, Any], model: Any, directory: Path
) -> tuple[dict[str, Any], LocalCode]:
    """Write the source of the recipe's own classes below `directory`; the recipe that fits it.

    The source is run once, in this process, apart from what is imported: what works here without
    its neighbours works anywhere.

    Raises:
        CannotTravel: when it would not work elsewhere, or would make a model once more.
    """
    code = gather(torch_recipe.modules(recipe))
    recipe = torch_recipe.renamed(recipe, lambda module: plain(module)[1])
    if not code.files:
        return recipe, code
    _check_quiet(code)
    _check_complete(recipe, code, model)
    return recipe, code.written(directory)


def _check_quiet(code: LocalCode) -> None:
    """Refuse a script: to import it would be to train again."""
    import torch

    for name in code.modules:
        module = sys.modules.get(name)
        for value in vars(module).values() if module else ():
            if isinstance(value, torch.nn.Module) and next(value.parameters(), None) is not None:
                raise CannotTravel(f"importing `{name}` makes a model")


def _check_complete(recipe: Mapping[str, Any], code: LocalCode, model: Any) -> None:
    carried = CarriedCode(code.files, Path(CODE))
    was_known = carried.is_known
    try:
        copy = torch_recipe.sketch(recipe, carried.import_module)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise CannotTravel(f"its source does not work by itself ({fault})") from error
    finally:
        if not was_known:
            carried.forget()
    if not torch_recipe.has_weights_of(model, copy):
        raise CannotTravel("its source file has changed since it was imported")
