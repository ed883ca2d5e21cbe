"""`bundle containerize` without an engine, `bundle doctor` and `bundle schema`."""

import json

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}


def test_the_containerfile_is_printed_without_an_engine(shop):
    printed = shop("containerize", "twice", "--print", **NO_ENGINE)

    assert "FROM " in printed.out
    assert "ENTRYPOINT" in printed.out


def test_an_image_of_what_is_built_names_the_engine_that_is_missing(shop, copy):
    mine = copy(shop)

    failed = mine("build", "--offline", "--containerize", code=7, **NO_ENGINE)

    assert f"Built `{shop.tag}`" in failed.err
    assert "unix:///nonexistent" in failed.err
    assert "hint: " in failed.err


def test_an_unknown_bundle_a_model_and_a_wrong_argument_are_told(shop):
    assert "No bundle is tagged `nope`." in shop("containerize", "nope", code=1).err
    assert "No bundle is tagged `double`." in shop("containerize", "double", code=1).err
    assert "KEY=VALUE" in shop("containerize", "twice", "--build-arg", "x", code=2).err


def test_doctor_says_what_is_here_and_what_is_not(bundle):
    found = bundle("doctor", **NO_ENGINE)

    assert "python" in found.out
    assert "hint: engine: " in found.err
    told = bundle("doctor", "--json", **NO_ENGINE).json["findings"]
    states = {finding["name"]: finding["state"] for finding in told}
    assert (states["python"], states["store"], states["engine"]) == ("ok", "ok", "absent")


def test_doctor_fails_where_every_command_would(bundle):
    failed = bundle("doctor", "--json", code=1, BUNDLE_HOME="/dev/null")

    assert failed.json["ok"] is False
    assert failed.json["error"].startswith("This machine lacks")


def test_the_schema_is_the_one_in_the_repository(bundle, checkout):
    schema = bundle("schema").out

    assert schema == (checkout / "bundlefile.schema.json").read_text(encoding="utf-8")
    assert bundle("schema", "--json").json == json.loads(schema)


def test_the_layers_are_explained_before_anything_is_made(shop):
    told = shop("containerize", "twice", "--explain", "--json", **NO_ENGINE).json["plan"]

    assert told["needs_engine"] == []
    names = [layer["name"] for layer in told["layers"]]
    assert names[-3:] == ["runtime", "code", "manifest"]
    assert "frameworks" in names
    assert any(name.startswith("model ") for name in names)
    assert all(layer["why"] and not layer["reused"] for layer in told["layers"])
    shown = shop("containerize", "twice", "--explain", **NO_ENGINE).out
    assert "No engine is needed" in shown
    assert "code: changes with every edit" in shown


def test_an_image_without_an_engine_has_to_go_somewhere(shop):
    failed = shop("containerize", "twice", "--engine", "none", code=2)

    assert "--output oci:DIR" in failed.err


def test_an_unknown_layout_is_no_base_image(shop, tmp_path):
    options = ("--output", f"oci:{tmp_path / 'out'}", "--base", f"oci:{tmp_path / 'nowhere'}")

    failed = shop("containerize", "twice", *options, code=1, **NO_ENGINE)

    assert "nowhere` is not an OCI layout." in failed.err
    assert not (tmp_path / "out").exists()
