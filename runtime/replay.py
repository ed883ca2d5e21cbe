"""Replay a bundle's recorded samples: `python -m modelbundle.runtime.replay [DIR]`.

Loads each model of the bundle, calls it with the inputs that were recorded when it was saved, and
compares. Prints one JSON object; exits 0 when every answer is within its tolerance, else 1.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import trust
from .data import table
from .data.predictions import to_instances
from .data.samples import Samples
from .errors import BundleError
from .manifest import BundleManifest
from .models.model import LoadedModel
from .pickles.policy import Policy
from .services.service_class import import_roots

SHOWN = 5  # differences told of one method


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one method of one model answered its samples."""

    alias: str
    method: str
    rows: int
    ok: bool
    differences: tuple[str, ...] = ()


def replay(directory: Path, device: str = "cpu") -> list[Outcome]:
    """Every sample of the bundle in `directory`, by model and method.

    Raises:
        BundleError: when a model cannot be loaded, or must not be.
    """
    manifest = BundleManifest.read(directory)
    trust.check(directory, manifest)
    trust.verify(directory, manifest.files)
    policy = Policy.from_json(manifest.security)
    nan_as_null = manifest.serve.get("nan") == "null"
    if manifest.executes_code:  # a model may be built there
        sys.path[:0] = map(str, import_roots((directory / "src").resolve()))
    outcomes = []
    for entry in manifest.models:
        recorded = sorted((directory / "samples" / entry.alias).glob("*.json"))
        if recorded:
            model = LoadedModel.load(directory / "models" / entry.alias, device, policy)
            for samples in map(Samples.read, recorded):
                found = _differences(model, samples, nan_as_null=nan_as_null)
                outcomes.append(_outcome(entry.alias, samples, found))
    return outcomes


def _outcome(alias: str, samples: Samples, differences: Sequence[str]) -> Outcome:
    rows, told = len(samples.inputs), tuple(differences[:SHOWN])
    return Outcome(alias, samples.method, rows, not differences, told)


def _differences(model: LoadedModel, samples: Samples, *, nan_as_null: bool) -> list[str]:
    try:
        inputs = model.manifest.methods[samples.method].inputs
        batch = table.collate(inputs, list(samples.inputs), nan_as_null=nan_as_null)
        answer = model.call(samples.method, batch)
        return samples.differences(to_instances(answer, nan_as_null=nan_as_null))
    except Exception as error:  # noqa: BLE001 - whatever the model raises is what it answered
        return [f"The model could not answer: {type(error).__name__}: {error}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report and return the exit status."""
    parser = argparse.ArgumentParser(prog="replay", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", nargs="?", default=Path(), type=Path)
    parser.add_argument("--device", default="cpu", help='"cpu" or "cuda:N"')
    given = parser.parse_args(arguments)
    try:
        report: dict[str, Any] = _report(replay(given.directory, given.device))
        status = 0 if report["ok"] else 1
    except BundleError as error:
        report = {"ok": False, "error": str(error), "hint": error.hint}
        status = error.exit_code
    sys.stdout.write(json.dumps(report) + "\n")
    return status


def _report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "ok": all(outcome.ok for outcome in outcomes),
        "replayed": [asdict(outcome) for outcome in outcomes],
    }


if __name__ == "__main__":
    sys.exit(main())
