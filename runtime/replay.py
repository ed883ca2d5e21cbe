"""Replays a bundle's recorded samples: `python -m modelbundle.runtime.replay [DIR]`.

Loads each model of the bundle, calls it with the inputs that were recorded when it was saved, and
compares. Prints one JSON object; exits 0 when every answer is within its tolerance, else 1.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from . import trust
from .data.rows import table
from .data.rows.predictions import to_instances
from .data.samples import Samples
from .errors import BundleError
from .manifests.bundle_manifest import BundleManifest
from .manifests.tuning import Tuning
from .models.model import LoadedModel
from .pickles.policy import Policy
from .process.machine.device import pin, preflight
from .services.service_class import import_roots
from .system.standard_streams import reserved

SHOWN = 5  # differences told of one method


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one method of one model answered its samples.

    tuning   how the model computes, in words, where that is not how it was saved
    largest  the largest difference of a number, where one is allowed to differ that much
    allowed  the tolerance: relative to the answer, or in the answer's own unit
    """

    alias: str
    method: str
    rows: int
    ok: bool
    differences: tuple[str, ...] = ()
    tuning: str = ""
    largest: float | None = None
    allowed: tuple[float, float] | None = None


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
            folder, tuning = directory / "models" / entry.alias, entry.tuning
            model = LoadedModel.load(folder, device, policy, tuning)
            for samples in map(Samples.read, recorded):
                allowed = samples.loosened(tuning.tolerance_on(device))
                answers, found = _compared(model, allowed, nan_as_null=nan_as_null)
                outcome = _outcome(entry.alias, samples, found)
                outcomes.append(_with_tuning(outcome, _how(tuning, device), allowed, answers))
    return outcomes


def _outcome(alias: str, samples: Samples, differences: Sequence[str]) -> Outcome:
    rows, shown = len(samples.inputs), tuple(differences[:SHOWN])
    return Outcome(alias, samples.method, rows, not differences, shown)


def _how(tuning: Tuning, device: str) -> str:
    words = [tuning.words, "" if device == "cpu" else "on a GPU"]
    return ", ".join(word for word in words if word)


def _with_tuning(
    outcome: Outcome, how: str, samples: Samples, answers: list[Any] | None
) -> Outcome:
    if not how:
        return outcome
    largest = None if answers is None else samples.largest_difference(answers)
    return replace(outcome, tuning=how, largest=largest, allowed=(samples.rtol, samples.atol))


def _compared(
    model: LoadedModel, samples: Samples, *, nan_as_null: bool
) -> tuple[list[Any] | None, list[str]]:
    """The model's answers, if it has any, and how they differ."""
    try:
        inputs = model.manifest.methods[samples.method].inputs
        batch = table.collate(inputs, list(samples.inputs), nan_as_null=nan_as_null)
        answers = to_instances(model.call(samples.method, batch), nan_as_null=nan_as_null)
        return answers, samples.differences(answers)
    except Exception as error:  # noqa: BLE001 - whatever the model raises is what it answered
        return None, [f"The model could not answer: {type(error).__name__}: {error}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report and return the exit status."""
    parser = argparse.ArgumentParser(prog="replay", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", nargs="?", default=Path(), type=Path)
    parser.add_argument("--device", default="cpu", help='"cpu", "cuda" or "cuda:N"')
    options = parser.parse_args(arguments)
    out = reserved()
    try:
        device = _device(options.directory, options.device)
        report: dict[str, Any] = _report(replay(options.directory, device))
        status = 0 if report["ok"] else 1
    except BundleError as error:
        report = {"ok": False, "error": str(error), "hint": error.hint}
        status = error.exit_code
    except SystemExit as left:
        message = f"A model left the program (exit code {left.code}) while it was loaded or called."
        report, status = {"ok": False, "error": message, "hint": None}, BundleError.exit_code
    out.write(json.dumps(report) + "\n")
    out.flush()
    return status


def _device(directory: Path, choice: str) -> str:
    """What libraries call the device, once it is found fit for the bundle."""
    if choice == "cpu":
        return choice
    accelerator = BundleManifest.read(directory).accelerator
    wanted = [int(number) for number in choice.split(":")[1:]]
    return pin(preflight(wanted, accelerator)[0].visible)


def _report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "ok": all(outcome.ok for outcome in outcomes),
        "replayed": [asdict(outcome) for outcome in outcomes],
    }


if __name__ == "__main__":
    sys.exit(main())
