"""`bundle list`, `show`, `diff`, `delete` and `du`."""


def test_a_bundle_is_listed_with_its_alias_and_framework(shop):
    head, row = shop("list").out.splitlines()

    assert head.split() == ["TAG", "ALIASES", "FRAMEWORK", "SIZE", "SAVED", "NOTE"]
    assert row.startswith(shop.tag)
    assert "@latest" in row
    assert "generic" in row
    assert shop("list", "other").out == ""


def test_show_tells_of_models_routes_and_trust(shop):
    text = shop("show", "twice").out

    assert f"model double: {shop.model} (generic)" in text
    assert "POST /predict -> double.predict" in text
    assert "trusted on this machine" in text


def test_show_finds_by_digest_and_by_alias(shop):
    digest = shop.built["digest"]

    for name in (digest, f"sha256:{digest[:8]}", "twice@latest", "twice:latest", "bundle:twice"):
        assert shop("show", name, "--json").json["tag"] == shop.tag


def test_the_same_does_not_differ_and_another_does(shop, copy):
    mine = copy(shop)
    assert mine("diff", "twice", shop.tag).out.endswith("are the same.\n")

    (mine.project / "bundlefile.yaml").write_text(
        "name: twice\nmodels: [double]\ninclude: []\nserve: {port: 9999}\n"
    )
    mine("build", "--offline")

    assert "~ serve.port: 8080 -> 9999" in mine("diff", shop.tag, "twice").out
    assert mine("diff", shop.tag, "twice", "--json").json["same"] is False


def test_a_deleted_bundle_is_gone_and_its_model_stays(shop, copy):
    mine = copy(shop)

    gone = mine("delete", "twice")

    assert gone.out.startswith(f"Deleted `{shop.tag}`")
    assert "next: bundle gc" in gone.err
    assert mine("list", "--json").json == {"bundles": []}
    assert mine("gc", "--json").json["bytes"] > 0
    assert mine("models", "show", "double", "--json").json["tag"] == shop.model
    mine("verify")


def test_du_adds_up(shop):
    used = shop("du", "--json").json

    assert (used["models"], used["bundles"]) == (1, 1)
    assert used["store"] == str(shop.home)
    assert "models" in shop("du").out


def test_a_label_of_several_lines_looks_like_no_fact_about_the_item(shop, copy):
    mine = copy(shop)
    mine("save", "forged", "train:model", "--label", "a=b\n  runs code:   no")

    lines = mine("show", "model:forged").out.splitlines()
    assert [line for line in lines if line.startswith("  runs code:")] == [
        "  runs code:   yes; trusted on this machine"
    ]
