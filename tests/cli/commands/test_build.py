"""`bundle build` and `bundle lock`."""

import re

import pytest


def test_a_dry_run_says_everything_and_writes_nothing(bundle, plain, double, home, index):
    before = sorted([*home.rglob("*"), *plain.rglob("*")])

    planned = bundle("build", "--dry-run", "--json").json

    assert sorted([*home.rglob("*"), *plain.rglob("*")]) == before
    assert planned["dry_run"] is True
    assert planned["containerfile"].count("FROM ") >= 2
    assert bundle("build", "--json").json["digest"] == planned["digest"]


def test_the_plan_for_a_person_lists_files_and_the_containerfile(shop):
    text = shop("build", "--dry-run", "--offline").out

    assert text.startswith("Would build `twice` (")
    assert "  models/double/model.json\n" in text
    assert re.search(r"\d MB  modelbundle/ \(\d+ files\)\n", text)
    assert "modelbundle/runtime/" not in text.partition("FROM ")[0]  # hundreds of lines
    assert "ENTRYPOINT" in text


def test_a_build_says_what_it_made_and_what_to_type_next(shop, copy):
    made = copy(shop)("build", "--offline")

    assert made.out.startswith(f"Built `{shop.tag}` (")
    assert made.err.splitlines()[-1] == f"next: bundle serve {shop.tag}"


def test_explain_gives_reasons(shop, copy):
    assert "CUDA" in copy(shop)("build", "--offline", "--explain").out


def test_another_bundlefile_is_named_with_file(shop, copy):
    mine = copy(shop)
    (mine.project / "other.yaml").write_text("name: other\nmodels: [double]\ninclude: []\n")

    assert mine("build", "-f", "other.yaml", "--json").json["name"] == "other"


@pytest.mark.parametrize("command", ["build", "lock", "build --dry-run"])
def test_without_a_bundlefile_the_hint_makes_one(command, bundle):
    missing = bundle(*command.split(), code=3)

    assert "bundle init" in missing.err


def test_a_model_that_is_not_saved_is_named(bundle, plain):
    assert "`double`" in bundle("build", code=1).err


def test_a_lock_is_kept_while_nothing_has_changed(shop, copy):
    mine = copy(shop)

    kept = mine("lock", "--offline", "--json").json

    assert kept["changed"] is False
    assert "uvicorn" in kept["packages"]
    again = mine("lock", "--offline")
    assert again.out.startswith("Kept ")
    assert again.err.endswith("next: bundle build\n")
    elsewhere = mine("lock", ".", "--file", "bundlefile.yaml", "--offline")
    assert elsewhere.err.endswith("next: bundle build --file bundlefile.yaml\n")


def test_offline_without_a_lock_says_that_it_is_offline(bundle, plain, double, tmp_path):
    empty = str(tmp_path / "cache")

    failed = bundle("lock", "--offline", code=4, UV_CACHE_DIR=empty, UV_FIND_LINKS="")

    assert "ffline" in failed.err
