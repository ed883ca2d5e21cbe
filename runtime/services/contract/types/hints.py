"""Hints: the annotations of a method or a record, evaluated where they are quoted or postponed."""

import typing
from typing import Any

from ....errors import BundleError


def hints_of(annotated: Any, around: type | None = None) -> dict[str, Any]:
    """The annotations of a function, or of a class, by name.

    around   the class of a method, which may have classes of its own for it

    Raises:
        BundleError: when they name something that is not there.
    """
    try:
        try:
            return typing.get_type_hints(annotated, include_extras=True)
        except NameError:
            if around is None:
                raise
            bases = reversed(around.__mro__)
            names = {name: value for base in bases for name, value in vars(base).items()}
            return typing.get_type_hints(annotated, localns=names, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise BundleError(
            f"The annotations of `{annotated.__qualname__}` cannot be read: {error}.",
            hint="Import what they name outside `if TYPE_CHECKING:`.",
        ) from error
