"""Plan: what a start has decided of a bundle."""

import dataclasses

import pytest

from modelbundle.runtime.manifests.tuning import Tuning
from modelbundle.runtime.plan import Plan

from .conftest import make_sums


@pytest.mark.parametrize(
    ("everywhere", "own", "compiled", "initial", "most"),
    [
        (None, None, False, 64, 1024),
        (None, None, "default", 64, 64),  # compiled for a number of rows
        (32, None, False, 32, 32),
        (500, None, "default", 500, 500),
        (None, 8, False, 8, 8),
        (32, 2000, False, 2000, 2000),
    ],
)
def test_how_many_rows_a_call_may_have(tmp_path, everywhere, own, compiled, initial, most):
    """As many as somebody has said, of which none has to prove anything; else a few, and more."""
    plan = Plan.read(make_sums(tmp_path))
    entry = dataclasses.replace(plan.manifest.models[0], tuning=Tuning(compile=compiled))
    plan = dataclasses.replace(
        plan,
        manifest=dataclasses.replace(plan.manifest, models=(entry,)),
        settings=dataclasses.replace(
            plan.settings,
            batch=dataclasses.replace(plan.settings.batch, max_batch_size=everywhere),
        ),
    )
    route = dataclasses.replace(plan.routes[0], max_batch_size=own)
    limits = plan.limits(route, batchable=True)
    assert (limits.initial_batch_size, limits.max_batch_size) == (initial, most)
