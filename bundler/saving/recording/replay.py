"""Replay: asks a model that was saved and loaded again for the recorded answers."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from ....runtime.data.rows import table
from ....runtime.data.samples import compare
from ....runtime.frameworks.framework import Framework
from ....runtime.models import batch_axis
from ...errors import SampleMismatch
from . import sample_rows
from .recording import Recording


def replayed(framework: Framework, model: Any, recordings: Iterable[Recording]) -> None:
    """Ask a model that was saved and loaded again for the same answers.

    Raises:
        SampleMismatch: when they are others: something of the model was lost on the way.
    """
    for recording in recordings:
        if recording.samples is None:
            continue
        batch = table.collate(recording.signature.inputs, recording.samples.inputs)
        call = partial(framework.call, model, recording.method)
        answer = batch_axis.call(call, recording.signature, sample_rows.copied(batch))
        got = table.to_instances(answer)
        # Looser than the samples' own: a GPU's answers may have been recorded.
        differences = compare(recording.samples.outputs, got, rtol=1e-2, atol=1e-3)
        if differences:
            raise SampleMismatch(
                f"Saved and loaded again, `{recording.method}` answers otherwise: {differences[0]}."
            )
