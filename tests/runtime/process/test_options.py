"""What the command line of a server says."""

from pathlib import Path

import pytest

from modelbundle.runtime.process.options import Options


def test_a_container_may_be_told_to_serve():
    """SageMaker runs `docker run IMAGE serve`; any other word is a mistake."""
    told = Options.parse(["serve", "--port=1"], Path("bundle"))
    assert told == Options.parse(["--port=1"], Path("bundle"))
    assert Options.parse(["bundle", "serve", "--port=1"], None) == told  # an image's entry point
    for wrong in (["train"], ["serve", "serve"]):
        with pytest.raises(SystemExit):
            Options.parse(wrong, Path("bundle"))


def test_elsewhere_the_word_is_a_directory():
    """As `python -m modelbundle.runtime DIR` has it."""
    assert Options.parse(["serve"], None).directory == Path("serve")
