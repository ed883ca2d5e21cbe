"""`bundle models`: list, show, delete, alias."""

import pytest


def test_an_empty_store_lists_nothing_and_says_what_to_do(bundle):
    listed = bundle("models", "list")

    assert listed.out == ""
    assert "bundle save" in listed.err
    assert bundle("models", "list", "--json").json == {"models": []}


def test_a_name_that_nothing_has_is_told_apart_from_an_empty_store(bundle, double):
    listed = bundle("models", "list", "other")

    assert listed.out == ""
    assert "No model is named `other`." in listed.err


def test_list_names_every_model_with_its_tag(bundle, double):
    assert double in bundle("models", "list").out
    assert [item["tag"] for item in bundle("models", "list", "--json").json["models"]] == [double]


def test_show_tells_the_signature_and_whether_code_runs(bundle, double):
    shown = bundle("models", "show", "double").out

    assert "predict" in shown
    assert "float64[n,2]" in shown
    assert "trusted on this machine" in shown


def test_an_unknown_tag_names_the_nearest(bundle, double):
    missing = bundle("models", "show", "duoble", code=1)

    assert "No model is tagged `duoble`." in missing.err
    assert "double" in missing.err


def test_an_alias_moves_and_goes(bundle, double):
    bundle("models", "alias", double, "production")
    assert bundle("models", "show", "double@production", "--json").json["tag"] == double
    wrong = bundle("models", "alias", double, "prodution", "--remove", code=1)
    assert "Did you mean `double@production`?" in wrong.err

    bundle("models", "alias", double, "production", "--remove")
    bundle("models", "show", "double@production", code=1)


def test_a_deleted_model_is_gone_and_gc_frees_its_bytes(bundle, double):
    bundle("models", "delete", double)

    assert bundle("models", "list", "--json").json == {"models": []}
    assert bundle("gc", "--json").json["bytes"] > 0


def test_to_delete_one_of_the_other_kind_is_told_how(bundle, double):
    missed = bundle("delete", double, code=1)
    assert missed.err.splitlines()[-1] == f"hint: It is a model: `bundle models delete {double}`."
    other = bundle("delete", "double:9", code=1)
    assert other.err.splitlines()[-1] == (
        "hint: A model is named `double`, but has no such version: `bundle models list double`."
    )
    bundle("models", "show", double)


@pytest.mark.parametrize("command", ["delete -y", "containerize --print", "vendor -o here"])
def test_a_command_for_bundles_takes_nothing_that_says_it_is_a_model(bundle, double, command):
    refused = bundle(*command.split(), "model:double", code=2)

    assert "error: `model:double` names a model; this takes a bundle." in refused.err
    assert "bundle models --help" in refused.err
    bundle("models", "show", f"model:{double}")


def test_a_command_for_models_takes_nothing_that_says_it_is_a_bundle(bundle):
    refused = bundle("models", "delete", "-y", "bundle:double", code=2)

    assert "names a bundle; this takes a model." in refused.err


def test_a_damaged_model_is_deleted_by_its_version_as_its_message_says(bundle, double, home):
    ref = home / "refs" / "models" / double.replace(":", "/")
    ref.write_bytes(b"")

    refused = bundle("models", "delete", "double", "-y", code=6)
    assert f"delete it: `bundle models delete {double}`" in refused.err
    stuck = bundle("gc", code=6)
    assert f"delete it: `bundle models delete {double}`" in stuck.err

    bundle("models", "delete", double, "-y")
    assert bundle("models", "list", "--json").json == {"models": []}
    bundle("gc")
    assert bundle("verify").code == 0
