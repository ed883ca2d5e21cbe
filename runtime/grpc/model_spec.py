"""ModelSpec: which model, version and method a call of TensorFlow Serving means.

Source: github.com/tensorflow/serving, `tensorflow_serving/apis/model.proto`.
"""

from typing import Any

from ..dialects.catalog import Catalog
from ..dialects.served import Served
from ..dialects.v1 import signature_def
from ..dialects.v1.dialect import labeled, names_one
from ..errors import InvalidInput
from ..printable import printable

_SHOWN = 64  # characters of a name that an error repeats
_MOST_VERSION = (1 << 63) - 1


class ModelSpecs:
    """Reads and writes the `model_spec` of messages."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def model(self, spec: Any) -> Served:
        """The model that is named.

        Raises:
            UnknownModel: when there is none, or it has no such version.
            BadPayload: for a label that it does not have.
        """
        return labeled(self._catalog, spec.name, *_choice(spec))

    def is_one(self, spec: Any, served: Served) -> bool:
        """Whether one version of a model is named, of which `served` is found."""
        version, label = _choice(spec)
        return label is not None or names_one(version, self._catalog.number(served))

    def method(self, spec: Any, prefers: str = "") -> Served:
        """The method that `signature_name` names; if it is empty, the one that the call `prefers`.

        Raises:
            InvalidInput: when there is no such signature.
            UnknownModel: when there is no such model.
        """
        served, name = self.model(spec), spec.signature_name
        if name in {"", signature_def.DEFAULT}:
            name = prefers if prefers in served.methods else served.method
        if name not in served.methods:
            known = ", ".join(f"`{each}`" for each in served.methods)
            shown = printable(name[:_SHOWN])
            raise InvalidInput(f"There is no signature {shown!r}; there is {known}.")
        return self._catalog.find(served.name, served.version, method=name)

    def number(self, served: Served) -> int:
        """The version, as a number."""
        return min(self._catalog.number(served), _MOST_VERSION)

    def write(self, message: Any, requested: Any, served: Served) -> None:
        """Write the model, version and signature of a call to `message`."""
        message.name = requested.name
        message.signature_name = requested.signature_name or signature_def.DEFAULT
        message.version.value = self.number(served)


def _choice(spec: Any) -> tuple[str | None, str | None]:
    """The version and the label, of which at most one is named."""
    choice = spec.WhichOneof("version_choice")
    version = str(spec.version.value) if choice == "version" else None
    return version, spec.version_label if choice == "version_label" else None
