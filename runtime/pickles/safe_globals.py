"""The globals that every policy allows: values of Python and numpy, and their constructors.

None of these runs anything, reads or writes anything, or gets at an attribute by its name. What
they put together, such as `copyreg._reconstructor`, has to be found and allowed by itself.
"""

_BUILTINS = ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list")
_MORE_BUILTINS = ("object", "range", "set", "slice", "str", "tuple")
_ARRAYS = ("_core.multiarray._reconstruct", "_core.multiarray.scalar", "_core.numeric._frombuffer")
_OLD_ARRAYS = ("core.multiarray._reconstruct", "core.multiarray.scalar", "core.numeric._frombuffer")
_SPARSE = ("_bsr.bsr", "_coo.coo", "_csc.csc", "_csr.csr", "_dia.dia", "_lil.lil")

DEFAULTS = "collections.defaultdict"
"""It calls what it was given, and so is given nothing but a class that is harmless itself."""
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

ARRAY = "numpy.ndarray"
"""It is named by what makes one; called, it takes any bytes for addresses of objects."""

DTYPES = frozenset(
    {
        *(f"pandas{place}PeriodDtype" for place in (".", ".core.dtypes.dtypes.")),
        *(f"pandas{place}StringDtype" for place in (".", ".core.arrays.string_.")),
    }
)
"""Dtypes of pandas that an `__init__` in Python puts together of text, and of nothing else here."""
