"""Pickle fault: what a model holds that cannot be saved, by its name."""

import threading

import pytest

import modelbundle
from modelbundle.bundler.errors import Unpicklable


def test_what_a_function_uses_is_named():
    parts = {"lock": threading.Lock()}

    def predict(rows):
        with parts["lock"]:
            return rows

    with pytest.raises(Unpicklable, match=r"`model -> parts\['lock'\]` is a `_thread\.lock`"):
        modelbundle.save("m", predict)
