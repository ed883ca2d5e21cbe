"""The globals that every policy allows: values of Python and numpy, and their constructors.

None of them runs other code, reads or writes files, or looks up attributes by name. The classes
that they reconstruct, as `copyreg._reconstructor` does, must be allowed on their own.
"""

_BUILTINS = ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list")
_MORE_BUILTINS = ("object", "range", "set", "slice", "str", "tuple")
_ARRAYS = ("_core.multiarray._reconstruct", "_core.multiarray.scalar", "_core.numeric._frombuffer")
_OLD_ARRAYS = ("core.multiarray._reconstruct", "core.multiarray.scalar", "core.numeric._frombuffer")
_SPARSE = ("_bsr.bsr", "_coo.coo", "_csc.csc", "_csr.csr", "_dia.dia", "_lil.lil")

DEFAULTS = "collections.defaultdict"
"""It calls its factory, so the factory must be a safe class itself."""
SAFE = frozenset(
    {
        *(f"builtins.{name}" for name in (*_BUILTINS, *_MORE_BUILTINS)),
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        *(f"numpy.{name}" for name in ("dtype", "ndarray", *_ARRAYS, *_OLD_ARRAYS)),
        *(f"scipy.sparse.{name}_{kind}" for name in _SPARSE for kind in ("array", "matrix")),
        "_codecs.encode",
        "collections.Counter",
        "collections.OrderedDict",
        DEFAULTS,
        "collections.deque",
        "copyreg._reconstructor",
        "decimal.Decimal",
        "fractions.Fraction",
        "joblib.numpy_pickle.NumpyArrayWrapper",  # its objects are asked for one by one as well
        "uuid.UUID",
    }
)
"""Names as "module.name"."""

SCALARS = frozenset(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))
"""They take a value out of bytes, or out of an array of one value."""

ARRAY = "numpy.ndarray"
"""Only allowed as an argument: a call could take any bytes as addresses of objects."""

DTYPES = frozenset(
    {
        *(f"pandas{place}PeriodDtype" for place in (".", ".core.dtypes.dtypes.")),
        *(f"pandas{place}StringDtype" for place in (".", ".core.arrays.string_.")),
    }
)
"""Dtypes of pandas whose `__init__` is written in Python, and safe with text as arguments."""
