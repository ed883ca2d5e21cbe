"""Opcodes: follows a pickle's program step by step, without executing it.

Only opcodes that name or call globals, or tell where joblib's raw arrays are, are modelled; other
values are unknowns. The work per opcode is bounded, so a small file cannot cause a long analysis.
"""

import pickletools
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator
from typing import IO, Any, ClassVar, Literal, cast

from . import dtype_state, raw_array
from .effort import Effort
from .frame import Frame
from .global_use import GlobalUse
from .recorder import ITEMS, Recorder
from .safe_globals import SCALARS
from .skipping_file import SkippingFile
from .stack_values import (
    ARGUMENTS,
    PERSISTENT,
    UNTOLD,
    CallResult,
    Entries,
    Global,
    Listed,
    hold,
    is_odd,
    odd_parts,
    update,
)

_STEPS = 1_000_000  # opcodes of one pickle
_NAMES = 100_000  # of a file; a model has a hundred
_NAME = 512  # characters of a module's or attribute's name
_UNPICKLES = "__pyx_unpickle"  # Cython's: gives an object its state where it makes it
_ONCE = frozenset({dtype_state.NAME, raw_array.NAME})  # get their state once
_MARK = object()
_VALUE = object()  # a number or bytes that nobody looks at
_TEXT_PROTOCOLS = 3  # below it, Python 2's names


class Malformed(Exception):
    """The data is no pickle, is cut off, or too long to analyse."""


_RAW = Global(*raw_array.NAME.rsplit(".", 1))


class Machine:
    """Analyses one pickle in `file`, and adds its globals and calls to `used`."""

    def __init__(self, file: IO[bytes], used: GlobalUse, effort: Effort) -> None:
        self._file = SkippingFile(file)
        self._raw = file
        self._used = used
        self._effort = effort
        self._recorder = Recorder(used, effort)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._protocol = 0
        self._frame = Frame()
        self.has_raw_arrays = False
        self.result: Any = None

    def run(self) -> None:
        """Follow the pickle to its STOP opcode.

        Raises:
            Malformed: when that is not possible; what was found before is kept.
        """
        try:
            for steps, (opcode, argument, place) in enumerate(self._opcodes()):
                if steps > _STEPS:
                    raise Malformed(f"more than {_STEPS} opcodes")
                self._effort.step()
                self._frame.reach(place or 0)
                self._step(opcode, argument)
            self._frame.leave(self._raw.tell())
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
            self._push(_VALUE)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        return value if value is not _RAW else _taken([value])

    def _pop_mark(self) -> list[Any]:
        for position in range(len(self._stack) - 1, -1, -1):
            if self._stack[position] is _MARK:
                taken = self._stack[position + 1 :]
                del self._stack[position:]
                return _taken(taken)
        raise ValueError("no mark")

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            module, name = UNTOLD, UNTOLD  # made at run time: nobody can say without running it
        if self._protocol < _TEXT_PROTOCOLS:
            module, name = NAME_MAPPING.get((module, name), (module, name))
            module = IMPORT_MAPPING.get(module, module)
        if max(len(module), len(name)) > _NAME or len(self._used.names) > _NAMES:
            raise ValueError("more or longer names than a model has")
        found = Global(module, name)
        if found != _RAW and name.rpartition(".")[2] == _RAW.attribute:
            raise ValueError("joblib's array class under another name")
        self._used.names.add(found.name)
        self._used.order.append(sys.intern(found.name))
        self._push(_RAW if found == _RAW else found)

    def _proto(self, argument: int) -> None:
        self._protocol = argument

    def _begin_frame(self, argument: int) -> None:
        self._frame.begin(self._raw.tell(), argument)

    def _persistent(self, argument: str | None) -> None:
        """Push the object of a persistent id, which only the file's reader knows."""
        identity = self._pop() if argument is None else argument
        if is_odd(identity) or any(odd_parts(identity)):  # it is hashed, and put into a text
            raise ValueError("a persistent id that is an object")
        self._push(CallResult(PERSISTENT, (), is_built=True))

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
        args, kind = self._pop(), self._stack.pop()
        self._make(kind, args, "new")

    def _new_with_names(self, _: None) -> None:
        names, args, kind = self._pop(), self._pop(), self._pop()
        if not isinstance(names, dict) or len(args) + len(names) > ARGUMENTS:
            raise ValueError("invalid arguments")
        self._make(kind, (*args, *names.values()), "new")

    def _obj(self, _: None) -> None:
        kind, *args = self._pop_mark()
        self._make(kind, tuple(args))

    def _make(self, maker: Any, args: Any, how: Literal["call", "new"] = "call") -> None:
        """Push the result of a call, and record the call."""
        if not isinstance(args, tuple):
            raise Malformed("arguments that are not a tuple")
        called = self._recorder.called(maker, args, how)
        has_state = any(isinstance(arg, (tuple, dict, CallResult)) for arg in args[:ARGUMENTS])
        is_built = called.attribute.startswith(_UNPICKLES) and has_state
        if called.name in SCALARS:
            self._check_scalar(args)
        self._push(CallResult(called, args, None, is_built))

    def _check_scalar(self, args: tuple[Any, ...]) -> None:
        """Record a "change" if a scalar's dtype has objects.

        numpy would take them out of an array without asking whether it has as many.
        """
        try:
            is_plain = not dtype_state.holds_objects(args[0])
        except (ValueError, TypeError, AttributeError, IndexError, KeyError):
            is_plain = False
        if not is_plain:
            self._recorder.changed(Global(*dtype_state.NAME.split(".")))

    def _build(self, _: None) -> None:
        state = self._pop()
        made = self._changed()
        if isinstance(made, CallResult):
            if made.is_built and made.name in _ONCE:
                raise ValueError("an array with two states, of which the second adds to the first")
            self._recorder.restored(made, state)
            made.is_built = True
            made.state = state
            if made.name == dtype_state.NAME:
                self._check_dtype(made)
            if made.maker is _RAW:
                self._skip_raw_array(made)

    def _check_dtype(self, made: CallResult) -> None:
        """Record a "change" if the state of a dtype is one that numpy does not write."""
        self._effort.look_at(dtype_state.extent(made.state))
        try:
            dtype_state.holds_objects(made)
        except (ValueError, TypeError, AttributeError, IndexError, KeyError):
            self._recorder.changed(made.maker)

    def _skip_raw_array(self, made: CallResult) -> None:
        """Skip the array bytes that joblib writes between the opcodes.

        Those of objects are a pickle, and the array that it makes is what `made` becomes.
        """
        self.has_raw_arrays = True
        self._frame.leave(self._raw.tell())  # joblib would go on behind it
        size = raw_array.size(made.state, self._raw)
        if size is None:
            nested = Machine(self._raw, self._used, self._effort)
            nested.run()
            if getattr(nested.result, "name", None) not in raw_array.MADE_BY:
                raise ValueError("an array that is none")
            hold(made, [nested.result])
        elif size:
            self._file.skip(size)

    def _stop(self, _: None) -> None:
        self.result = self._pop()

    def _tuple(self, count: int | None) -> None:
        if count is None:
            self._push(tuple(self._pop_mark()))
            return
        taken = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        self._push(tuple(_taken(taken)))

    def _set_items(self, _: None) -> None:
        items = self._pop_mark()
        self._recorder.hashed(items[::2])
        update(self._filled(ITEMS), items)

    def _set_item(self, _: None) -> None:
        value, name = self._pop(), self._pop()
        self._recorder.hashed([name])
        update(self._filled(ITEMS), [name, value])

    def _dict(self, _: None) -> None:
        items = self._pop_mark()
        self._recorder.hashed(items[::2])
        self._push(Entries())
        update(self._stack[-1], items)

    def _frozen_set(self, _: None) -> None:
        items = self._pop_mark()
        self._recorder.hashed(items)
        self._push(Listed())
        hold(self._stack[-1], items)

    def _add_items(self, _: None) -> None:
        items = self._pop_mark()
        self._recorder.hashed(items)
        hold(self._filled(), items)

    def _list(self, _: None) -> None:
        items = self._pop_mark()
        self._push(Listed())
        hold(self._stack[-1], items)

    def _append(self, _: None) -> None:
        value = self._pop()
        hold(self._filled(), [value])

    def _extend(self, _: None) -> None:
        items = self._pop_mark()
        hold(self._filled(), items)

    def _filled(self, by: str = "") -> Any:
        """The object that gets elements, which is recorded."""
        target = self._changed()
        self._recorder.filled(target, by)
        return target

    def _changed(self) -> Any:
        """The object that is changed; recorded if it is a global, or has its state already."""
        target = self._stack[-1]
        self._recorder.changed(None if target is _VALUE else target)
        return target

    def _remember(self, argument: int | None) -> None:
        self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]

    def _recall(self, argument: int) -> None:
        self._push(self._memo[argument])

    _MODELLED: ClassVar[dict[str, Callable[[Any, Any], object]]] = {
        "PROTO": _proto,
        "FRAME": _begin_frame,
        "NONE": lambda self, _: self._push(None),
        "PERSID": _persistent,
        "BINPERSID": _persistent,
        "READONLY_BUFFER": lambda _self, _: None,
        "MARK": lambda self, _: self._push(_MARK),
        "POP": lambda self, _: self._pop(),
        "POP_MARK": lambda self, _: self._pop_mark(),
        "DUP": lambda self, _: self._push(self._stack[-1]),
        "GLOBAL": _global,
        "INST": _inst,
        "STACK_GLOBAL": _stack_global,
        "STOP": _stop,
        "REDUCE": _call,
        "NEWOBJ": _new,
        "NEWOBJ_EX": _new_with_names,
        "OBJ": _obj,
        "BUILD": _build,
        "APPEND": _append,
        "APPENDS": _extend,
        "ADDITEMS": _add_items,
        "NEWTRUE": lambda self, _: self._push(True),
        "NEWFALSE": lambda self, _: self._push(False),
        "EMPTY_DICT": lambda self, _: self._push(Entries()),
        "EMPTY_LIST": lambda self, _: self._push(Listed()),
        "EMPTY_SET": lambda self, _: self._push(Listed()),
        "LIST": _list,
        "FROZENSET": _frozen_set,
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


def _taken(values: list[Any]) -> list[Any]:
    """The values; raises ValueError for joblib's array class, which only joblib instantiates."""
    if any(value is _RAW for value in values):
        raise ValueError("an array that is made otherwise")
    return values
