"""Graph text: the texts of an exported program of which torch makes code when it is loaded.

Sizes and guards are evaluated. Names of inputs, arguments and weights become part of the source of
`forward`, which is executed. The targets of nodes are looked up in torch, whatever they are, and
called. The contexts of containers name modules to import. So sizes and guards have to be
arithmetic, names to be names, targets operators, and containers those of Python.
Source: torch/_export/serde/serialize.py, torch/export/_unlift.py, torch/utils/_pytree.py.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

_CLASSES = (
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Max|Min|Mod|Abs|And|Or|Not|Eq|Ne|Equality|Unequality"
    "|Lt|Le|Gt|Ge|LessThan|StrictLessThan|GreaterThan|StrictGreaterThan|floor|ceiling|Piecewise"
    "|ExprCondPair|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt|CeilDiv"
    "|LShift|RShift|PowByNatural|FloatPow|FloatTrueDiv|IntTrueDiv|TruncToFloat|TruncToInt"
    "|RoundToInt|RoundDecimal|ToFloat|Identity|IsNonOverlappingAndDenseIndicator"
)
_NAME = r"(?!\w*__)[A-Za-z_]\w*"
_NUMBER = r"\d+(?:\.\d*)?(?:e[-+]?\d+)?"
_TOKEN = (
    rf"(?:{_CLASSES})\(|{_NAME}(?![\w(.])|'{_NAME}'|'-?{_NUMBER}'|{_NUMBER}(?![\w.])"
    r"|[-+*/%()<>=!&|~, ]"
)
_ARITHMETIC = re.compile(rf"(?:{_TOKEN})*+", re.ASCII)
_GUARD = re.compile(  # of the inputs, as in "L['x'].size()[0] % 2 == 0"
    rf"(?:{_TOKEN}|\.(?:size|stride|storage_offset)\(\)|(?<=[\w\])])\[|\]"
    r"|(?:max|min|cast_symbool_to_symint_guardless|torch\.sym_\w+|math\.(?:floor|ceil|trunc))\()*+",
    re.ASCII,
)
_PLAIN = re.compile(r"[\w .:/@+-]*")
_OPERATORS = "add|sub|mul|floordiv|truediv|mod|pow|neg|pos|and_|or_|eq|ne|lt|le|gt|ge|getitem"
OPERATORS_OF_TORCH = (
    "_quantized|aten|export|mkldnn|onednn|prims|quantized|quantized_decomposed|rngprims|sparse"
)
"""Their namespaces, as a pattern."""
_OPERATION = r"(?!__|from_file\b|save\b)\w+|__(?:i?and|i?or|i?xor|i?[lr]shift)__"  # opens no file
_CONTEXTS = {"__enum__": (), "default_factory_module": ("builtins", "collections")}
_ANYTHING = re.compile(r"(?s:.*)")


def strange(document: Any, operators: Collection[str] = ()) -> Iterator[str]:
    """The texts in a JSON document of which torch might make code of any kind.

    `operators` are those as "namespace::name" whose modules the model brings or needs.
    """
    more = "".join(f"|{re.escape(each.partition('::')[0])}" for each in operators)
    target = re.compile(
        rf"torch\.ops\.(?:{OPERATORS_OF_TORCH}{more})\.(?:{_OPERATION})(?:\.(?!__)\w+)?"
        rf"|torch\.ops\.higher_order\.(?!__)\w+|torch\._?sym_\w+|math\.trunc"
        rf"|_operator\.(?:{_OPERATORS})",
        re.ASCII,
    )
    rules: Mapping[str, re.Pattern[str]] = {
        "as_operator": target,
        "as_string": _ANYTHING,  # written as a literal
        "as_strings": _ANYTHING,
        "expr_str": _ARITHMETIC,
        "guards_code": _GUARD,
        "target": target,
    }
    return _walked(document, rules)


def _walked(document: Any, rules: Mapping[str, re.Pattern[str]]) -> Iterator[str]:
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        name, part = waiting.pop()
        if isinstance(part, list):
            waiting += [(name, each) for each in part]
        elif isinstance(part, dict):
            yield from (key for key in part if not _PLAIN.fullmatch(key))
            waiting += [(key, part[key]) for key in part if key != "metadata"]  # only told
        elif part is not None and not _is_allowed(name, part, rules):
            yield str(part)


def _is_allowed(name: str, part: Any, rules: Mapping[str, re.Pattern[str]]) -> bool:
    if not isinstance(part, str):
        return name not in rules and not (name == "use_pickle" and part)
    known = _KINDS.get(name)
    return known(part) if known else bool(rules.get(name, _PLAIN).fullmatch(part))


def _is_name(text: str) -> bool:
    return not text or text.isidentifier()


def _is_spec(text: str) -> bool:
    """Whether a container's description, JSON with JSON in it, names no modules to import."""
    waiting: list[Any] = [json.loads(text)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if any(key in part and part[key] not in known for key, known in _CONTEXTS.items()):
                return False
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, str) and part[:1] in {"[", "{", '"', " "}:
            waiting.append(json.loads(part))
    return True


_KINDS: Mapping[str, Callable[[str], bool]] = {
    "as_name": _is_name,
    "forward_arg_names": _is_name,
    "in_spec": _is_spec,
    "name": _is_name,
    "out_spec": _is_spec,
}
