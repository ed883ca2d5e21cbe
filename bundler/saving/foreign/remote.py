"""Remote: fetches models by another tool's address (`hf://`, `models:/`)."""

import os
from pathlib import Path

from ....runtime.errors import in_short
from ...errors import InvalidSource, MissingLibrary
from ...progress import Progress
from ...untrusted.quotation import quoted
from .folder import Folder
from .hugging_face import SCHEME

TRACKED = "models:/"


def is_one(source: str) -> bool:
    """Whether it is such an address."""
    return source.startswith((SCHEME, TRACKED))


def fetch(source: str, directory: Path, progress: Progress) -> Folder:
    """Fetch what `hf://org/name@revision` or `models:/name@alias` names.

    Raises:
        InvalidSource: when there is none.
        MissingLibrary: when MLflow is not installed.
        RegistryError: when the hub cannot be reached, or sends other bytes.
    """
    if source.startswith(SCHEME):
        from . import hub  # it brings urllib3, 100 ms of the start of every `save`

        return hub.Repository.parse(source).fetch(directory, progress)
    return _tracked(source, directory, progress)


def _tracked(source: str, directory: Path, progress: Progress) -> Folder:
    """A registered model of the tracking server that MLFLOW_TRACKING_URI names."""
    try:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise MissingLibrary("A model of a tracking server", "mlflow", "mlflow") from error
    progress.step(f"Fetching {source}")
    try:
        place = download_artifacts(artifact_uri=source, dst_path=str(directory))
    except (MlflowException, OSError) as error:
        raise InvalidSource(
            f"MLflow does not give {quoted(source)}: {in_short(error)}.",
            hint="Name the server with MLFLOW_TRACKING_URI, and the model as `models:/name@alias` "
            "or `models:/name/version`.",
        ) from error
    return Folder(Path(place), quoted(source))
