"""SaveOptions: what a person may say about a model beside its name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...runtime.manifests.signature import Class, Signature
from .recording import sample_file
from .recording.recording import Text


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
    trust: bool = False

    def rows(self) -> Any:
        """The sample, read from its file if need be; None without one."""
        if self.sample_file is None:
            return self.sample
        rows = sample_file.read(self.sample_file)
        return rows if self.sample_file.suffix.lower() in {".npy", ".npz"} else Text(rows)
