"""MLflow: `python_function` models, stored as they are and loaded by MLflow itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data.rows import table
from ..errors import MissingFramework, NotTrusted
from ..manifests.signature import Signature
from .from_directory import FromDirectory

HOME = "mlflow"
"""The folder in the model that is MLflow's own directory."""


class Mlflow(FromDirectory):
    """What only MLflow knows how to load: custom Python models and flavors without an adapter."""

    name = "mlflow"
    called = "An MLflow model"
    distributions: tuple[str, ...] = ("mlflow", "pandas", "numpy")
    extra = "mlflow-skinny pandas"
    formats: Mapping[str, str] = {"pyfunc": f"{HOME}/MLmodel"}
    executing = frozenset(formats)

    def load(
        self,
        directory: Path,
        format: str,  # noqa: ARG002
        options: Mapping[str, Any],  # noqa: ARG002
        device: str,  # noqa: ARG002  the model's own business
        pickles: Any,
    ) -> Any:
        """Load it with `mlflow.pyfunc`, which imports the loader that the directory names."""
        try:
            import mlflow.pyfunc
        except ImportError as error:
            raise MissingFramework("mlflow", self.extra) from error
        if pickles.mode != "allow":
            raise NotTrusted(
                "MLflow unpickles this model by itself, which no list of globals narrows.",
                hint="Set `security.pickle` to `allow` in the bundlefile.",
            )
        return mlflow.pyfunc.load_model(str(directory / HOME))

    def methods(self, model: Any) -> tuple[str, ...]:  # noqa: ARG002
        """`predict`, the only one that the flavor has."""
        return ("predict",)

    def signatures(self, model: Any) -> Mapping[str, Signature]:  # noqa: ARG002
        """Nothing: what `MLmodel` says was read when it was saved."""
        return {"predict": Signature(batchable=False)}

    def call(self, model: Any, method: str, batch: Any) -> Any:  # noqa: ARG002
        """Call it; records become a DataFrame, a series or lists an array."""
        answer = model.predict(table.stack(batch))
        if hasattr(answer, "columns"):
            return answer.reset_index(drop=True)
        return answer.to_numpy() if hasattr(answer, "to_numpy") else answer
