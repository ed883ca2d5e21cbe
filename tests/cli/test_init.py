"""`bundle init`: a project that builds as it is written."""


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


def test_nothing_is_overwritten_unless_it_is_asked_for(bundle):
    bundle("init", "new")

    assert "--force" in bundle("init", "new", code=5).err
    bundle("init", "new", "--force")


def test_a_directory_that_cannot_be_written_is_named(bundle):
    assert "/proc/new" in bundle("init", "/proc/new", code=1).err
