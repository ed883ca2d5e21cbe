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

from . import table, trust
from .errors import BundleError, RequestError
from .manifest import BundleManifest
from .model import LoadedModel
from .pickles import Policy
from .samples import Samples, compare

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
    policy = Policy.from_json(manifest.security)
    outcomes = []
    for entry in manifest.models:
        recorded = sorted((directory / "samples" / entry.alias).glob("*.json"))
        if recorded:
            model = LoadedModel.load(directory / "models" / entry.alias, device, policy)
            outcomes += [_replay(entry.alias, model, Samples.read(path)) for path in recorded]
    return outcomes


def _replay(alias: str, model: LoadedModel, samples: Samples) -> Outcome:
    differences = _differences(model, samples)
    told = tuple(differences[:SHOWN])
    return Outcome(alias, samples.method, len(samples.inputs), not differences, told)


def _differences(model: LoadedModel, samples: Samples) -> list[str]:
    signature = model.manifest.methods[samples.method]
    try:
        batch = table.collate(signature.inputs, samples.inputs)
        answer = table.to_instances(model.call(samples.method, batch))
    except (BundleError, RequestError) as error:
        return [f"The model could not answer: {error}"]
    return compare(samples.outputs, answer, samples.rtol, samples.atol)


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
