"""Opcodes: a pickle's program followed step by step without doing what it says.

Only what names a global or calls one, or tells where joblib's raw arrays lie, is modelled; all
else is an unknown. No step costs more than its opcode, so there is nothing to blow up.
"""

import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, ClassVar, Literal, cast

import numpy as np

_STEPS = 1_000_000  # opcodes of one pickle
_LONG = 1 << 20  # bytes; longer strings are stepped over, not read
_LINE = 1 << 16  # bytes of a text opcode's argument
_RAW_ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
_HAS_OBJECT = 1  # numpy's NPY_ITEM_HASOBJECT
_IMPORT = "cloudpickle.cloudpickle.subimport"  # how code by value finds its modules
_REMAKE = "copyreg._reconstructor"  # makes an object as one of its bases, the second argument
_RAW_ARRAY_STATE = frozenset(
    {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
)
_MARK = object()
_ITEMS = object()  # a list or a set
_ODD = object()  # a key that is no text
_TEXT_PROTOCOLS = 3  # below it, Python 2's names


class Malformed(Exception):
    """Not a pickle, not to its end, or longer than we look."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a pickle calls: a global ("new" without its `__init__`), or the "result" of calling it.

    "change" is what it does to a global itself, or to a result that has its state already.
    `module` and `name` are `UNTOLD` where nobody can say without running it.
    """

    how: Literal["call", "new", "result", "change"]
    module: str
    name: str


@dataclass(frozen=True, slots=True)
class _Global:
    module: str
    attribute: str

    @property
    def name(self) -> str:
        return f"{self.module}.{self.attribute}"


@dataclass(slots=True)
class _Made:
    """Something that a call would have returned."""

    maker: _Global
    args: Any
    state: Any = None
    is_built: bool = False

    @property
    def name(self) -> str:
        return self.maker.name


UNTOLD = "?"
_UNKNOWN = _Global(UNTOLD, UNTOLD)


class _Blank(bytes):
    """Long bytes that nobody reads: only their length is told."""

    length: int

    def __len__(self) -> int:
        return self.length


class _Skipping:
    """A file whose long strings are sought past."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        if size <= _LONG:
            return self._file.read(size)
        self.skip(size)
        blank = _Blank()
        blank.length = size
        return blank

    def readline(self) -> bytes:
        line = self._file.readline(_LINE)
        if not line.endswith(b"\n"):
            raise ValueError("no end of line")
        return line

    def skip(self, size: int) -> None:
        here = self._file.seek(size - 1, 1)
        if len(self._file.read(1)) != 1:
            raise ValueError(f"ends before byte {here + 1}")


class Machine:
    """Follows one pickle in `file` and adds the globals it asks for to `found`, calls to `used`."""

    def __init__(self, file: IO[bytes], found: set[str], used: set[Use]) -> None:
        self._file = _Skipping(file)
        self._raw = file
        self._found = found
        self._used = used
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._protocol = 0
        self.has_raw_arrays = False

    def run(self) -> None:
        """Follow the pickle to its STOP.

        Raises:
            Malformed: when that is not possible; what was found until then stays.
        """
        try:
            for steps, (opcode, argument, _) in enumerate(self._opcodes()):
                if steps > _STEPS:
                    raise Malformed(f"more than {_STEPS} opcodes")
                self._step(opcode, argument)
        except (
            AttributeError,
            ValueError,
            IndexError,
            KeyError,
            TypeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise Malformed(str(error)) from error

    def _opcodes(self) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
        # All that it asks of a file is read, readline and tell.
        return pickletools.genops(cast("IO[bytes]", self._file))

    def _step(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        known = self._MODELLED.get(opcode.name)
        if known is not None:
            known(self, argument)
        elif isinstance(argument, (str, int)) and not opcode.stack_before:
            self._push(argument)
        else:
            self._unknown(opcode)

    def _unknown(self, opcode: pickletools.OpcodeInfo) -> None:
        before = opcode.stack_before
        if before and before[-1] is pickletools.stackslice:
            self._pop_mark()
            before = before[: before.index(pickletools.markobject)]
        for _ in before:
            self._pop()
        for _ in opcode.stack_after:
            self._push(None)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        return self._stack.pop()

    def _pop_mark(self) -> list[Any]:
        for position in range(len(self._stack) - 1, -1, -1):
            if self._stack[position] is _MARK:
                taken = self._stack[position + 1 :]
                del self._stack[position:]
                return taken
        raise ValueError("no mark")

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            module, name = UNTOLD, UNTOLD  # made at run time: nobody can say without running it
        if self._protocol < _TEXT_PROTOCOLS:
            module, name = NAME_MAPPING.get((module, name), (module, name))
            module = IMPORT_MAPPING.get(module, module)
        found = _Global(module, name)
        self._found.add(found.name)
        self._push(found)

    def _proto(self, argument: int) -> None:
        self._protocol = argument

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _inst(self, argument: str) -> None:
        args = tuple(self._pop_mark())
        self._global(argument)
        self._make(self._pop(), args)

    def _stack_global(self, _: None) -> None:
        name, module = self._pop(), self._pop()
        self._name(module, name)

    def _extension(self, argument: int) -> None:
        self._name("copyreg", f"extension({argument})")

    def _call(self, _: None) -> None:
        args, function = self._pop(), self._pop()
        self._make(function, args)

    def _new(self, _: None) -> None:
        args, kind = self._pop(), self._pop()
        self._make(kind, args, "new")

    def _new_with_names(self, _: None) -> None:
        self._pop()
        self._new(None)

    def _obj(self, _: None) -> None:
        kind, *args = self._pop_mark()
        self._make(kind, tuple(args))

    def _make(self, maker: Any, args: Any, how: Literal["call", "new"] = "call") -> None:
        """Push what a call returns, and write down who is called."""
        if isinstance(maker, _Made):
            self._used.add(Use("result", maker.maker.module, maker.maker.attribute))
            maker = _UNKNOWN
        elif not isinstance(maker, _Global):
            maker = _UNKNOWN
            self._used.add(Use(how, UNTOLD, UNTOLD))
        else:
            self._used.add(Use(how, maker.module, maker.attribute))
        given = args if isinstance(args, tuple) else ()
        if maker.name == _IMPORT:
            self._found.update(name for name in given if isinstance(name, str))
        if maker.name == _REMAKE:
            base = given[1] if len(given) > 1 and isinstance(given[1], _Global) else _UNKNOWN
            self._used.add(Use("call", base.module, base.attribute))
        self._push(_Made(maker, args))

    def _build(self, _: None) -> None:
        state = self._pop()
        made = self._changed()
        if isinstance(made, _Made):
            made.is_built = True
            made.state = state
            if made.name == _RAW_ARRAY:
                self._skip_raw_array(state)

    def _skip_raw_array(self, state: Any) -> None:
        """Step over the bytes that joblib puts between the opcodes."""
        self.has_raw_arrays = True
        if not _RAW_ARRAY_STATE.issuperset(state):
            raise ValueError("an array with more than it has")
        if _holds_objects(state["dtype"]):
            Machine(self._raw, self._found, self._used).run()
            return
        size = np.dtype(state["dtype"].args[0]).itemsize
        for length in state["shape"]:
            size *= length
        if "numpy_array_alignment_bytes" in state:
            padding = self._raw.read(1)
            size += padding[0] if padding else 0
        if size:
            self._file.skip(size)

    def _tuple(self, count: int | None) -> None:
        if count is None:
            self._push(tuple(self._pop_mark()))
            return
        taken = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        self._push(tuple(taken))

    def _set_items(self, _: None) -> None:
        items = self._pop_mark()
        _update(self._changed(), items)

    def _set_item(self, _: None) -> None:
        value, name = self._pop(), self._pop()
        _update(self._changed(), [name, value])

    def _dict(self, _: None) -> None:
        items = self._pop_mark()
        self._push({})
        _update(self._stack[-1], items)

    def _append(self, _: None) -> None:
        self._pop()
        self._changed()

    def _extend(self, _: None) -> None:
        self._pop_mark()
        self._changed()

    def _changed(self) -> Any:
        """What is changed; written down where that may call what it was given before."""
        target = self._stack[-1]
        if isinstance(target, _Global):
            self._used.add(Use("change", target.module, target.attribute))
        elif isinstance(target, _Made) and target.is_built:
            self._used.add(Use("change", target.maker.module, target.maker.attribute))
        elif target is None:
            self._used.add(Use("change", UNTOLD, UNTOLD))
        return target

    def _remember(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    def _recall(self, argument: int) -> None:
        self._push(self._memo[argument])

    _MODELLED: ClassVar[dict[str, Callable[[Any, Any], object]]] = {
        "PROTO": _proto,
        "FRAME": lambda _self, _: None,
        "MARK": lambda self, _: self._push(_MARK),
        "POP": lambda self, _: self._pop(),
        "POP_MARK": lambda self, _: self._pop_mark(),
        "DUP": lambda self, _: self._push(self._stack[-1]),
        "GLOBAL": _global,
        "INST": _inst,
        "STACK_GLOBAL": _stack_global,
        "REDUCE": _call,
        "NEWOBJ": _new,
        "NEWOBJ_EX": _new_with_names,
        "OBJ": _obj,
        "BUILD": _build,
        "APPEND": _append,
        "APPENDS": _extend,
        "ADDITEMS": _extend,
        "EMPTY_DICT": lambda self, _: self._push({}),
        "EMPTY_LIST": lambda self, _: self._push(_ITEMS),
        "EMPTY_SET": lambda self, _: self._push(_ITEMS),
        "LIST": lambda self, _: (self._pop_mark(), self._push(_ITEMS)),
        "DICT": _dict,
        "SETITEM": _set_item,
        "SETITEMS": _set_items,
        "EMPTY_TUPLE": lambda self, _: self._tuple(0),
        "TUPLE1": lambda self, _: self._tuple(1),
        "TUPLE2": lambda self, _: self._tuple(2),
        "TUPLE3": lambda self, _: self._tuple(3),
        "TUPLE": lambda self, _: self._tuple(None),
        "MEMOIZE": _remember,
        "PUT": _remember,
        "BINPUT": _remember,
        "LONG_BINPUT": _remember,
        "GET": _recall,
        "BINGET": _recall,
        "LONG_BINGET": _recall,
        "EXT1": _extension,
        "EXT2": _extension,
        "EXT4": _extension,
    }


def _holds_objects(dtype: _Made) -> bool:
    """Whether an array of it is kept as a pickle of its own: a flag in the dtype's state says so.

    Raises:
        ValueError: when the flag and the parts of the dtype say different things.
    """
    if dtype.args[0].startswith("O"):
        return True
    if dtype.state is None:
        return False
    _, _, whole, _, fields, *rest = dtype.state
    parts = [field[0] for field in (fields or {}).values()] + ([whole[0]] if whole else [])
    told = bool(rest[2] & _HAS_OBJECT) if len(rest) > 2 else False  # noqa: PLR2004  itemsize, alignment, flags
    if told != any(map(_holds_objects, parts)):
        raise ValueError("a dtype that is not what it says")
    return told


def _update(target: Any, items: list[Any]) -> None:
    if isinstance(target, dict):
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update((name if isinstance(name, str) else _ODD, value) for name, value in pairs)
