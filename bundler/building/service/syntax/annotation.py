"""Annotation: converts annotations in the author's source to specs.

Its twin `runtime/services/contract/types/annotation.py` reads the same from live types; what one
learns the other must learn. What cannot be read becomes a free object, completed when the server
starts.
"""

import ast
from collections.abc import Callable, Sequence
from contextlib import suppress

from .....runtime.services.array import DTYPES, Array
from .....runtime.services.contract.types import constraint, spec
from .....runtime.services.contract.types.spec import Spec
from .module import Module
from .tree import Alias, Defined, Outside, SourceTree

DEPTH = 40  # aliases of aliases
_MOST = 20_000  # parts of all annotations, those of a name counted wherever it stands
_ARRAY_NOTES = frozenset(("modelbundle.Array", "modelbundle.runtime.services.array.Array"))
_NDARRAYS = frozenset(("numpy.typing.NDArray", spec.ARRAY))
_FIELDS = frozenset(
    (
        "annotated_types.Interval",
        "pydantic.Field",
        "pydantic.fields.Field",
        "pydantic.StringConstraints",
        "pydantic.types.StringConstraints",
    )
)
_LIMITS = {
    "annotated_types.Gt": ("gt",),
    "annotated_types.Ge": ("ge",),
    "annotated_types.Lt": ("lt",),
    "annotated_types.Le": ("le",),
    "annotated_types.MultipleOf": ("multiple_of",),
    "annotated_types.MinLen": ("min_length",),
    "annotated_types.MaxLen": ("max_length",),
    "annotated_types.Len": ("min_length", "max_length"),
} | dict.fromkeys(_FIELDS, ())
"""What says limits, and how it calls its arguments without names."""
_UNIONS = frozenset(("typing.Union", "typing.Optional"))
_PASSED = frozenset(("typing.Required", "typing.NotRequired", "typing.ReadOnly"))

ReadClass = Callable[[Defined, tuple[ast.AST, ...]], Spec]


class Annotations:
    """Reads annotations; `read_class` is for the classes that they name."""

    def __init__(self, tree: SourceTree, read_class: ReadClass) -> None:
        self._tree = tree
        self._read_class = read_class
        self._left = _MOST

    def spec(self, node: ast.expr | None, module: Module, inside: tuple[ast.AST, ...] = ()) -> Spec:
        """What the annotation means on the wire; a free object where there is none.

        Raises:
            BuildError: for a name that is not defined, for an impossible `Array`, and for types of
                types that double until nobody can say what they are.
        """
        if node is None or len(inside) > DEPTH:
            return spec.OBJECT
        self._left -= 1
        if self._left < 0:
            raise module.error(node, f"The types of the service have more than {_MOST:,} parts.")
        node = unquoted(node)
        if isinstance(node, ast.Constant):
            return spec.NULL if node.value is None else spec.OBJECT
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return spec.union(self._members(node, module, inside))
        if isinstance(node, ast.Subscript):
            return self._subscript(node, module, inside)
        if not isinstance(node, ast.Name | ast.Attribute):
            return spec.OBJECT
        return self._named(node, module, inside)

    def generic(self, node: ast.expr | None, module: Module) -> tuple[str, ast.expr | None, Module]:
        """The outer name of `X[Y]`, its first argument, and the file that both stand in."""
        node, module = self.unaliased(node, module)
        if isinstance(node, ast.Subscript):
            return self._name(node.value, module), next(iter(_arguments(node)), None), module
        return (self._name(node, module) if node is not None else ""), None, module

    def unaliased(self, node: ast.expr | None, module: Module) -> tuple[ast.expr | None, Module]:
        """What a name, or an expression in quotes, stands for, and the file that it stands in."""
        for _ in range(DEPTH):
            node = unquoted(node) if node is not None else None
            if not isinstance(node, ast.Name | ast.Attribute):
                break
            meaning = self._tree.resolve(node, module)
            if not isinstance(meaning, Alias) or meaning.is_opaque:
                break
            node, module = meaning.value, meaning.module
        return node, module

    def _name(self, node: ast.expr, module: Module) -> str:
        name = self._tree.name_of(node, module)
        name = name.replace("typing_extensions.", "typing.")
        return spec.CANONICAL.get(name, name) if name not in _NDARRAYS else name

    def _named(self, node: ast.expr, module: Module, inside: tuple[ast.AST, ...]) -> Spec:
        meaning = self._tree.resolve(node, module)
        if isinstance(meaning, Outside):
            return spec.named(meaning.name.replace("typing_extensions.", "typing."))
        if isinstance(meaning, Defined):
            return self._read_class(meaning, inside)
        if isinstance(meaning, Alias):
            return self._aliased(meaning, inside)
        return spec.OBJECT

    def _aliased(self, alias: Alias, inside: tuple[ast.AST, ...]) -> Spec:
        value, module = alias.value, alias.module
        if value in inside:  # type X = int | list[X]
            return spec.OBJECT
        inside = (*inside, value)
        if isinstance(value, ast.Call):  # UserId = NewType("UserId", int)
            is_new_type = self._name(value.func, module) == "typing.NewType"
            is_whole = is_new_type and len(value.args) == 2  # noqa: PLR2004
            return self.spec(value.args[1], module, inside) if is_whole else spec.OBJECT
        return self.spec(value, module, inside)

    def _members(self, node: ast.expr, module: Module, inside: tuple[ast.AST, ...]) -> list[Spec]:
        """The members of a union, flat, as Python itself flattens them."""
        value, home = self.unaliased(node, module)
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
            sides = (value.left, value.right)
            return [made for side in sides for made in self._members(side, home, inside)]
        if isinstance(value, ast.Subscript):
            name = self._name(value.value, home)
            if name in _UNIONS:
                inner = [m for a in _arguments(value) for m in self._members(a, home, inside)]
                return [*inner, spec.NULL] if name == "typing.Optional" else inner
        return [self.spec(node, module, inside)]

    def _subscript(self, node: ast.Subscript, module: Module, inside: tuple[ast.AST, ...]) -> Spec:
        name, arguments = self._name(node.value, module), _arguments(node)
        if name in _UNIONS:
            return spec.union(self._members(node, module, inside))
        if name == "typing.Annotated":
            return self._annotated(arguments, module, inside)
        if name in _PASSED:
            return self.spec(arguments[0], module, inside)
        if name in _NDARRAYS:
            return spec.array(Array(self._dtype(name, arguments, module)))
        if name or not isinstance(node.value, ast.Name | ast.Attribute):
            return self._container(name, arguments, module, inside)
        return self._parametrized(node, module, inside)

    def _parametrized(
        self, node: ast.Subscript, module: Module, inside: tuple[ast.AST, ...]
    ) -> Spec:
        """`X[int]` of the project: by `type X[T] = ...`, or of a class, whose T is left open."""
        meaning = self._tree.resolve(node.value, module)
        if isinstance(meaning, Alias) and meaning.is_opaque:
            return self._aliased(meaning.of(_arguments(node), module), inside)
        made = self._named(node.value, module, inside)
        return made if made.kind == "dataclass" else spec.OBJECT

    def _container(
        self, name: str, arguments: Sequence[ast.expr], module: Module, inside: tuple[ast.AST, ...]
    ) -> Spec:
        if name == "typing.Literal":
            return self._literal(arguments, module)
        if name == "builtins.tuple":
            if any(self._is_unpacked(each, module) for each in arguments):
                return spec.named(name)
            if len(arguments) == 2 and _is_ellipsis(arguments[1]):  # noqa: PLR2004
                return spec.generic("builtins.list", [self.spec(arguments[0], module, inside)])
            return spec.fixed([self.spec(each, module, inside) for each in arguments])
        known = name in spec.LISTS or name in spec.DICTS
        items = [self.spec(each, module, inside) for each in arguments] if known else []
        return spec.generic(name, items) if known else spec.OBJECT

    def _is_unpacked(self, node: ast.expr, module: Module) -> bool:
        """`*Ts` and `*tuple[int, ...]`, which stand for any number of items."""
        is_named = isinstance(node, ast.Subscript) and self._name(node.value, module)
        return isinstance(node, ast.Starred) or is_named == "typing.Unpack"

    def _literal(self, arguments: Sequence[ast.expr], module: Module) -> Spec:
        try:
            return spec.choice([self._tree.literal(each, module) for each in arguments])
        except ValueError:
            return spec.OBJECT

    def _annotated(
        self, arguments: Sequence[ast.expr], module: Module, inside: tuple[ast.AST, ...]
    ) -> Spec:
        inner = self.spec(arguments[0], module, inside)
        note = next((note for each in arguments[1:] if (note := self._note(each, module))), None)
        if note is None or inner.kind != "array":
            return self.limited(inner, arguments[1:], module)
        base, base_module = self.unaliased(arguments[0], module)
        dtype = note.dtype
        if dtype is None and isinstance(base, ast.Subscript):
            name = self._name(base.value, base_module)
            dtype = self._dtype(name, _arguments(base), base_module)
        return spec.array(Array(dtype, note.shape))

    def limited(self, inner: Spec, notes: Sequence[ast.expr], module: Module) -> Spec:
        """`inner` within the limits that `Gt(0)`, `Field(max_length=8)` and their like say."""
        found: dict[str, object] = {}
        for node in notes:
            value, home = (node, module) if _is_text(node) else self.unaliased(node, module)
            if not isinstance(value, ast.Call):
                continue
            called = self._name(value.func, home)
            if called in _LIMITS:
                given = [*zip(_LIMITS[called], value.args, strict=False)]
                given += [(each.arg or "", each.value) for each in value.keywords]
                found |= constraint.supported(self._literals(given, home))
        return constraint.limited(inner, found)

    def _literals(self, given: Sequence[tuple[str, ast.expr]], module: Module) -> dict[str, object]:
        """Those of them that can be read; the server knows the others."""
        found = {}
        for name, node in given:
            with suppress(ValueError):
                found[name] = self._tree.literal(node, module)
        return found

    def _note(self, node: ast.expr, module: Module) -> Array | None:
        value, home = (node, module) if _is_text(node) else self.unaliased(node, module)
        if not isinstance(value, ast.Call) or self._name(value.func, home) not in _ARRAY_NOTES:
            return None
        try:
            positional = [self._tree.literal(each, home) for each in value.args]
            named = {str(k.arg): self._tree.literal(k.value, home) for k in value.keywords}
            return Array(*positional, **named)
        except (TypeError, ValueError) as error:
            message = f"`Array(...)` takes a dtype and a shape as literals: {error}"
            raise home.error(value, message, 'Write `Array("float32", (None, 64))`.') from error

    def _dtype(self, name: str, arguments: Sequence[ast.expr], module: Module) -> str | None:
        """The dtype of `NDArray[np.float32]` and of `np.ndarray[Any, np.dtype[np.float32]]`."""
        if name == spec.ARRAY:
            inner = arguments[1] if len(arguments) > 1 else None
            node = _arguments(inner)[0] if isinstance(inner, ast.Subscript) else None
        else:
            node = arguments[0]
        found = self._name(node, module) if node is not None else ""
        short = found.removeprefix("numpy.")
        short = {"bool_": "bool", "str_": "str", "double": "float64", "single": "float32"}.get(
            short, short
        )
        return short if found.startswith("numpy.") and short in DTYPES else None


def unquoted(node: ast.expr) -> ast.expr:
    """An annotation in quotes as the expression that it holds."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            inner = ast.parse(node.value.strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return node
        for each in ast.walk(inner):
            ast.copy_location(each, node)
        return inner
    return node


def _arguments(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
