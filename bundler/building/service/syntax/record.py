"""Record: the classes of the author that are records, and the enums, from their source.

Its twin is `runtime/services/contract/types/record.py`.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .....runtime.services.contract.types import spec
from .....runtime.services.contract.types.spec import FieldSpec, Kind, Spec
from ....errors import BuildError
from .annotation import DEPTH, Annotations, unquoted
from .module import BRANCHES, Module
from .tree import Defined, Meaning, SourceTree

_ATTRS = frozenset(
    f"{package}.{name}" for package in ("attrs", "attr") for name in ("define", "frozen", "mutable")
)
_DATACLASS = frozenset(("dataclasses.dataclass", "pydantic.dataclasses.dataclass", *_ATTRS))
_ENUMS = frozenset(f"enum.{name}" for name in ("Enum", "IntEnum", "StrEnum"))
_MIXED: dict[str, type] = {
    **{f"builtins.{kind.__name__}": kind for kind in (str, int, float)},
    "enum.IntEnum": int,
}
_ROOTS: dict[str, Kind] = {
    "pydantic.BaseModel": "pydantic",
    "pydantic.main.BaseModel": "pydantic",
    "typing.TypedDict": "dataclass",
    "typing_extensions.TypedDict": "dataclass",
}
_NAMED_TUPLES = frozenset(("typing.NamedTuple", "typing_extensions.NamedTuple"))
_NO_FIELD = frozenset(("typing.ClassVar", "dataclasses.KW_ONLY"))
_LOOKED_THROUGH = frozenset(("typing.ReadOnly", "typing.Annotated"))
_ATTRS_FIELDS = frozenset(("attrs.field", "attr.field", "attr.ib"))
_FIELD_CALLS = frozenset(("dataclasses.field", "pydantic.Field", "pydantic.fields.Field"))
_FIELD_CALLS |= _ATTRS_FIELDS


@dataclass(frozen=True, slots=True)
class Default:
    """What stands right of a field's `=`."""

    is_required: bool = True
    value: Any = None
    alias: str | None = None
    is_field: bool = True  # False for `field(init=False)`
    is_converted: bool = False  # by attrs, from what no annotation tells


@dataclass(slots=True)
class Records:
    """Reads classes; give it to `Annotations`."""

    tree: SourceTree
    annotations: Annotations = field(init=False)

    def __post_init__(self) -> None:
        """Tie the knot: records have annotations, and annotations name records."""
        self.annotations = Annotations(self.tree, self.spec)

    def spec(self, found: Defined, inside: tuple[ast.AST, ...] = ()) -> Spec:
        """The spec of a class of the project; a free object for one that is no record."""
        node = found.node
        if not isinstance(node, ast.ClassDef):
            return spec.OBJECT
        lineage = self.lineage(found)
        outside = {name for each in lineage for name in self._outside(each)}
        is_open = any(map(_is_conditional, lineage))
        if outside & _ENUMS:
            return spec.OBJECT if is_open else self._enum(found, outside)
        kind = self._kind(lineage, outside)
        if outside & _NAMED_TUPLES:
            return self._named_tuple(lineage, (*inside, node), is_inside=node in inside)
        if kind is None:
            return spec.OBJECT
        if node in inside or is_open or (kind == "pydantic" and any(map(_renames, lineage))):
            return spec.unfinished(kind, node.name)
        fields = self._fields(lineage, kind, (*inside, node))
        is_closed = kind != "pydantic" or _extra(lineage) == "forbid"
        return spec.record(kind, node.name, fields, is_closed=is_closed)

    def _named_tuple(
        self, lineage: Sequence[Defined], inside: tuple[ast.AST, ...], *, is_inside: bool
    ) -> Spec:
        """Its fields are those of the class that says so, not of what inherits from it."""
        title = getattr(lineage[0].node, "name", "")
        if is_inside:
            return spec.unfinished("json", title)
        (own, *_) = (each for each in lineage if _NAMED_TUPLES & set(self._outside(each)))
        fields = [made for _, made in self._own(own, inside, is_typed_dict=False)]
        return spec.named_tuple(title, fields)

    def lineage(self, found: Defined, above: tuple[ast.AST, ...] = ()) -> list[Defined]:
        """The class and its bases in the project, in the order that attributes are looked up."""
        bases: list[Defined] = []
        if isinstance(found.node, ast.ClassDef):
            for base in found.node.bases:
                meaning = self.base(base, found.module)
                if isinstance(meaning, Defined) and meaning.node not in (*above, found.node):
                    bases += self.lineage(meaning, (*above, found.node))
        # A base shared by two comes after both, as in Python's own order.
        last = {id(each.node): index for index, each in enumerate(bases)}
        return [found, *(each for i, each in enumerate(bases) if last[id(each.node)] == i)]

    def base(self, node: ast.expr, module: Module) -> Meaning:
        """The class that a base names, also by another name for it (`Base = Shop`)."""
        value, home = self.annotations.unaliased(_bare(node), module)
        return self.tree.resolve(_bare(value or node), home)

    def _outside(self, found: Defined) -> Iterator[str]:
        if isinstance(found.node, ast.ClassDef):
            for base in found.node.bases:
                yield self.tree.name_of(_bare(base), found.module)

    def _kind(self, lineage: Sequence[Defined], outside: set[str]) -> Kind | None:
        named = {_ROOTS[name] for name in outside if name in _ROOTS}
        if "pydantic" in named or "dataclass" in named:
            known = {*_ROOTS, "", "typing.Generic", "abc.ABC", "typing_extensions.Generic"}
            return named.pop() if outside <= known else None
        return "dataclass" if any(self._is_dataclass(each) for each in lineage) else None

    def _declared(self, found: Defined) -> Iterator[ast.AnnAssign]:
        """The fields in the body of a class, in their order.

        Where an `attrs.field()` has no annotation, only calls of it are fields.
        """
        body = getattr(found.node, "body", ())
        bare = [
            each for each in body if isinstance(each, ast.Assign) and self._is_field(each, found)
        ]
        for node in body:
            if node in bare:
                yield ast.AnnAssign(node.targets[0], ast.Constant(...), node.value, simple=1)
            elif isinstance(node, ast.AnnAssign) and (not bare or self._is_field(node, found)):
                yield node

    def _is_field(self, node: ast.Assign | ast.AnnAssign, found: Defined) -> bool:
        """Whether it is `x = attrs.field(...)`."""
        call = node.value
        names = self.tree.name_of(call.func, found.module) if isinstance(call, ast.Call) else ""
        return names in _ATTRS_FIELDS

    def _is_dataclass(self, found: Defined) -> bool:
        return self._is_decorated(found, _DATACLASS)

    def _is_decorated(self, found: Defined, names: frozenset[str]) -> bool:
        decorators = found.node.decorator_list
        calls = [each.func if isinstance(each, ast.Call) else each for each in decorators]
        return any(self.tree.name_of(each, found.module) in names for each in calls)

    def _fields(
        self, lineage: Sequence[Defined], kind: Kind, inside: tuple[ast.AST, ...]
    ) -> list[FieldSpec]:
        """Those of the bases first; a field that is declared again stays where it was."""
        fields: dict[str, FieldSpec] = {}
        is_typed_dict = any("TypedDict" in name for e in lineage for name in self._outside(e))
        for each in reversed(lineage):
            if kind == "dataclass" and not is_typed_dict and not self._is_dataclass(each):
                continue
            fields.update(self._own(each, inside, is_typed_dict=is_typed_dict))
        return [made for made in fields.values() if made.name]

    def _own(
        self, found: Defined, inside: tuple[ast.AST, ...], *, is_typed_dict: bool
    ) -> Iterator[tuple[str, FieldSpec]]:
        assert isinstance(found.node, ast.ClassDef)
        module = found.module.within(found.node)
        is_attrs, made_later = self._is_decorated(found, _ATTRS), _with_default_method(found.node)
        for node in self._declared(found):
            if not isinstance(node.target, ast.Name):
                continue
            name = node.target.id
            outer, first, home = self.annotations.generic(node.annotation, module)
            hidden = name == "model_config" or (name.startswith("_") and not is_typed_dict)
            if outer == "typing.ClassVar":  # also instead of a field of a base
                yield name, FieldSpec("", spec.OBJECT, required=False)
            if outer in _NO_FIELD or (hidden and not self._is_dataclass(found)):
                continue
            default = self._default(node, module)
            required = default.is_required and name not in made_later
            if is_typed_dict:
                required = self._is_required(found.node, node.annotation, module)
            given = (first, home) if outer == "dataclasses.InitVar" else (node.annotation, module)
            made = self.annotations.spec(*given, inside)
            if node.value is not None and not is_typed_dict and not self._is_dataclass(found):
                made = self.annotations.limited(made, [node.value], module)  # = Field(gt=0)
            own = name.lstrip("_") if is_attrs else name
            called = (default.alias or own) if default.is_field else ""
            made = spec.OBJECT if default.is_converted else made
            yield name, FieldSpec(called, made, required, default.value)

    def _is_required(self, node: ast.ClassDef, key: ast.expr | None, module: Module) -> bool:
        """Whether a TypedDict's key is: by a wrapper of its own, else by `total`."""
        outer = ""
        for _ in range(DEPTH):
            outer, key, module = self.annotations.generic(key, module)
            if outer not in _LOOKED_THROUGH:
                break
        if outer in {"typing.Required", "typing.NotRequired"}:
            return outer == "typing.Required"
        total = next((each.value for each in node.keywords if each.arg == "total"), None)
        return not (isinstance(total, ast.Constant) and total.value is False)

    def _default(self, node: ast.AnnAssign, module: Module) -> Default:
        """From `= value`, `= field(...)`, or `Annotated[..., Field(...)]`."""
        calls = [node.value] if node.value is not None else []
        annotation = unquoted(node.annotation)
        if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
            calls += annotation.slice.elts[1:]
        alias, default = None, None
        for call in calls:
            if isinstance(call, ast.Call) and self.tree.name_of(call.func, module) in _FIELD_CALLS:
                made = self._field_call(call, module)
                alias = alias or made.alias
                default = made if default is None or default.is_required else default
            elif call is node.value:
                default = Default(is_required=False, value=self._literal(call, module))
        default = default or Default()
        return replace(default, alias=alias)

    def _field_call(self, call: ast.Call, module: Module) -> Default:
        given = {each.arg: each.value for each in call.keywords}
        if call.args:
            given["default"] = call.args[0]
        alias_node = given.get("validation_alias") or given.get("alias")
        alias = self._literal(alias_node, module) if alias_node is not None else None
        init = self._literal(given["init"], module) if "init" in given else True
        value = given.get("default")
        is_open = value is None or (isinstance(value, ast.Constant) and value.value is ...)
        return Default(
            is_required=is_open and not {"default_factory", "factory"} & given.keys(),
            value=None if is_open or value is None else self._literal(value, module),
            alias=alias if isinstance(alias, str) else None,
            is_field=init is not False,
            is_converted="converter" in given,
        )

    def _literal(self, node: ast.expr, module: Module) -> Any:
        try:
            return self.tree.literal(node, module)
        except (ValueError, BuildError):
            return None

    def _enum(self, found: Defined, outside: set[str]) -> Spec:
        made = [kind for name, kind in _MIXED.items() if name in outside]  # class X(int, Enum)
        assert isinstance(found.node, ast.ClassDef)
        values: list[Any] = []
        for node in found.node.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if not isinstance(target, ast.Name):  # A, B = 1, 2
                return spec.OBJECT
            if target.id.startswith("_"):
                continue
            try:
                value = ast.literal_eval(node.value)
            except ValueError:  # auto(), or computed
                return spec.OBJECT
            if any(type(value) is not kind for kind in made):
                return spec.OBJECT
            values += [] if value in values else [value]
        return spec.choice(values)


def _with_default_method(node: ast.ClassDef) -> set[str]:
    """Names of attributes with a method `@name.default`."""
    decorators = [d for each in node.body for d in getattr(each, "decorator_list", ())]
    return {
        each.value.id
        for each in decorators
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.attr == "default"
    }


def _is_conditional(found: Defined) -> bool:
    """Whether an `if` or a `try` in the body of a class decides on its fields."""
    return any(
        isinstance(each, ast.Assign | ast.AnnAssign)
        for branch in getattr(found.node, "body", ())
        if isinstance(branch, BRANCHES)
        for each in ast.walk(branch)
    )


def _bare(base: ast.expr) -> ast.expr:
    """`Generic[T]` as `Generic`."""
    return base.value if isinstance(base, ast.Subscript) else base


def _renames(found: Defined) -> bool:
    """Whether a pydantic model names its fields by a rule that would have to be run."""
    return any(
        isinstance(each, ast.Name | ast.keyword | ast.Constant)
        and "alias_generator" in {getattr(each, "id", ""), getattr(each, "arg", "")}
        for each in ast.walk(found.node)
    )


def _extra(lineage: Sequence[Defined]) -> Any:
    """What a pydantic model says of keys that are no fields of its: "forbid", or something else."""
    for found in lineage:
        assert isinstance(found.node, ast.ClassDef)
        for value in _extras(found.node):
            return value.value if isinstance(value, ast.Constant) else None
    return None


def _extras(node: ast.ClassDef) -> Iterator[ast.expr]:
    """The values of pydantic's `extra`: in `model_config`, or behind the bases of a class."""
    yield from (each.value for each in node.keywords if each.arg == "extra")
    for each in node.body:
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        if not any(isinstance(to, ast.Name) and to.id == "model_config" for to in targets):
            continue
        given = getattr(each, "value", None)
        if isinstance(given, ast.Call):
            yield from (each.value for each in given.keywords if each.arg == "extra")
        elif isinstance(given, ast.Dict):
            keys = (getattr(key, "value", None) for key in given.keys)
            pairs = zip(keys, given.values, strict=True)
            yield from (value for key, value in pairs if key == "extra")
