"""What a person may say about a model beside its name."""

import pytest

from modelbundle.bundler.errors import InvalidTag
from modelbundle.bundler.saving.save_options import SaveOptions, named


def test_a_version_may_stand_behind_the_name():
    assert named("iris", SaveOptions(version="2")) == ("iris", SaveOptions(version="2"))
    assert named("iris:2.1", SaveOptions()) == ("iris", SaveOptions(version="2.1"))
    assert named("iris:2.1", SaveOptions(version="2.1")) == ("iris", SaveOptions(version="2.1"))


@pytest.mark.parametrize("text", ["iris:", "iris:a b", "iris:1:2", ":1", "model:iris", "iris@a"])
def test_a_name_and_a_version_that_cannot_be_are_refused(text):
    with pytest.raises(InvalidTag):
        named(text, SaveOptions())


def test_there_is_one_version():
    with pytest.raises(InvalidTag, match="is to have the version `3`"):
        named("iris:2", SaveOptions(version="3"))
