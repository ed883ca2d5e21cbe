"""SaveOptions: the options of a save."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...runtime import canonical
from ...runtime.manifests.signature import Class, Signature, is_classes
from .. import tag
from ..errors import InvalidSource, InvalidTag
from ..tag import check_name, check_version
from .recording import sample_file
from .recording.axes import BatchAxis
from .recording.recording import Text

_HINT_SIGNATURE = (
    'A signature is {"inputs": SIDE, "outputs": SIDE, "batchable": True}, and a SIDE '
    '{"layout": "array", "fields": [{"name": "x", "dtype": "float64", "shape": [None, 3]}]}.'
)


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """Everything optional about a save.

    sample       rows to call it with; `sample_file` is the same in a json, csv, npy or npz file
    methods      those to serve, the default first; empty = what the object has
    signatures   method -> signature, where the author knows better than the sample
    classes      what the numbers in a row of its answers stand for, in their order
    labels       short texts to find it by
    metadata     a JSON object that is kept as it is
    version      default: from the content
    aliases      further names that move to this version
    options      for the adapter, e.g. {"init": {...}} of a torch module
    batch_axis   on which axis a sample of arrays has its rows, for all inputs or by name
    trust        let the code of an unknown pickle run, now and later, on this machine
    """

    sample: Any = None
    sample_file: Path | None = None
    methods: tuple[str, ...] = ()
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    classes: tuple[Class, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    aliases: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    batch_axis: BatchAxis = 0
    trust: bool = False

    @property
    def has_sample(self) -> bool:
        """Whether rows are given."""
        return self.sample is not None or self.sample_file is not None

    def rows(self) -> Any:
        """The sample, read from its file if need be; None without one."""
        if self.sample_file is None:
            return self.sample
        rows = sample_file.read(self.sample_file)
        return rows if self.sample_file.suffix.lower() in {".npy", ".npz"} else Text(rows)


def signatures(given: Mapping[str, Signature | Mapping[str, Any]]) -> dict[str, Signature]:
    """Signatures by method, out of what an author wrote as dicts.

    Raises:
        InvalidSource: when one is none, with what it looks like.
    """
    return {method: _signature(method, value) for method, value in given.items()}


def named(text: str, given: SaveOptions) -> tuple[str, SaveOptions]:
    """The name in `NAME` or `NAME:VERSION`, and the options with that version.

    Raises:
        InvalidTag: when one cannot be used, or the options have another version.
    """
    name, version = tag.split(text)
    if version is not None and given.version not in {None, version}:
        raise InvalidTag(
            f"`{text}` is to have the version `{given.version}`.", hint="Give one version."
        )
    return name, given if version is None else replace(given, version=version)


def check(name: str, given: SaveOptions) -> None:
    """Check the options before minutes of work.

    Raises:
        InvalidSource: for an invalid option; InvalidTag for a name, version or alias.
    """
    check_name(name)
    for text, kind in ((given.version, "version"), *((alias, "alias") for alias in given.aliases)):
        if text is not None:
            check_version(text, kind)
    if given.batch_axis and not given.has_sample:
        raise InvalidSource(
            "Where the answers have their rows, only a sample shows: `batch_axis` needs one.",
            hint="Give a few rows with it, as the model takes them.",
        )
    if not is_classes(list(given.classes)):
        raise InvalidSource("The classes are not texts, numbers or booleans, each once.")
    for key, value in given.labels.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidSource(f"The label {key!r} is not a text with a text.")
    try:
        canonical.dumps([dict(given.metadata), dict(given.options)])
    except (TypeError, ValueError) as error:
        raise InvalidSource(f"The metadata or options are not JSON: {error}.") from error


def check_signed(given: SaveOptions, found: Sequence[str]) -> None:
    """Check that each signature is for a method that is served; `found` are those of the model.

    Raises:
        InvalidSource: with those that are.
    """
    served = given.methods or tuple(found)
    for method in given.signatures:
        if served and method not in served:
            listed = ", ".join(f"`{name}`" for name in served)
            raise InvalidSource(
                f"There is a signature for `{method}`, which is not served.",
                hint=f"Give one for {listed}, or name `{method}` in `methods`.",
            )


def _signature(method: str, value: Any) -> Signature:
    if isinstance(value, Signature):
        return value
    try:
        return Signature.from_json(value)
    except KeyError as error:
        why = f"{error} is missing"
    except (AttributeError, TypeError, ValueError) as error:
        why = str(error).rstrip(".")
    raise InvalidSource(
        f"What is given for `{method}` is not a signature: {why}.", hint=_HINT_SIGNATURE
    )
