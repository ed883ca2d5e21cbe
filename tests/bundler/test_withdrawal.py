"""Trust that is withdrawn: what rests on it never outlives it."""

import errno
import os

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.errors import StoreError
from modelbundle.bundler.store.files import disk
from modelbundle.bundler.store.trust import BUILT_HERE
from modelbundle.bundler.withdrawal import Withdrawal


class Refusing:
    """Calls of the disk, of which the `step`-th fails."""

    def __init__(self, step):
        self.step, self.taken = step, 0

    def around(self, real):
        def call(path):
            self.taken += 1
            if self.taken == self.step:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
            return real(path)

        return call


def test_a_refusal_at_any_step_leaves_nothing_trusted_that_cannot_be_withdrawn(
    locked_project, add_model, own_store, monkeypatch
):
    """The bundle is trusted for no other reason than its model: it must not stay so alone."""
    model = add_model(executes=True)
    bundle = build(locked_project("name: x\nmodels: [iris]\n"), offline=True).item
    trust = own_store.trust
    for step in range(1, 5):
        trust.grant(model.digest, "saved here")
        trust.grant(bundle.digest, BUILT_HERE)
        refusing = Refusing(step)
        with monkeypatch.context() as patched:
            for name in ("remove", "sync_directory"):
                patched.setattr(disk, name, refusing.around(getattr(disk, name)))
            with pytest.raises(StoreError, match="EIO"):
                Withdrawal.of(model.tag, own_store)
        if trust.is_trusted(model.digest):
            Withdrawal.of(model.tag, own_store)
        assert not trust.is_trusted(bundle.digest), step
        assert not trust.is_trusted(model.digest), step
