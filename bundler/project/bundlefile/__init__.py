"""The bundlefile: its sections, the rules of each value, and how problems are told."""

from .document import Bundlefile
from .packaging import ModelRef

__all__ = ["Bundlefile", "ModelRef"]
