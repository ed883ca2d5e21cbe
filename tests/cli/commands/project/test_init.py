"""`bundle init`: a project that builds as it is written."""

from urllib.error import HTTPError

import pytest


def test_what_is_written_is_built(bundle, double, index):
    written = bundle("init", "new", "--name", "fresh", "--model", "double", "--json").json

    assert written == {"files": ["new/bundlefile.yaml"]}
    assert bundle("build", "new", "--json").json["name"] == "fresh"


def test_a_service_skeleton_is_written_and_served(bundle, double, serving):
    said = bundle("init", "new", "--model", "double", "--service")

    assert "Wrote `new/bundlefile.yaml`." in said.out
    assert "next: bundle build new" in said.err
    with serving("new") as server:
        assert server.ready["routes"]


def test_nothing_is_overwritten_unless_it_is_asked_for(bundle, tmp_path):
    bundle("init", "new")
    bundle("init", "new")  # as after a crash: it would write the same
    written = tmp_path / "new" / "bundlefile.yaml"
    written.write_text("name: mine\n")

    refused = bundle("init", "new", code=5)
    assert "hint: `--force` overwrites it." in refused.err  # not in another directory
    assert written.read_text() == "name: mine\n"
    bundle("init", "new", "--force")
    assert "name: new" in written.read_text()


def test_a_directory_that_cannot_be_written_is_named(bundle):
    assert "/proc/new" in bundle("init", "/proc/new", code=1).err


def test_a_model_that_is_not_saved_yet_is_the_next_thing_to_do(bundle):
    assert "next: bundle save fresh module:attribute" in bundle("init", "fresh").err


def test_a_skeleton_refuses_rows_that_the_model_does_not_take(bundle, double, serving):
    bundle("init", "new", "--model", "double", "--service")

    with serving("new") as server:
        assert server.post("/predict", {"instances": [[1, 2]]})["predictions"]
        with pytest.raises(HTTPError) as caught:
            server.post("/predict", {"instances": [[1, 2, 3, 4, 5]]})
    assert caught.value.code == 422
    assert b"expected 2 numbers, got 5" in caught.value.read()
