"""`bundle trust`: what may run code here, and what does no longer."""

import pytest


@pytest.fixture
def mine(shop, copy):
    """A shop of one's own: a model, and a bundle built of it."""
    return copy(shop)


def test_what_was_saved_and_built_here_is_listed_with_the_reason(shop):
    found = {one["digest"]: one for one in shop("trust", "list", "--json").json["trusted"]}
    assert found[shop.built["digest"]] == {
        "digest": shop.built["digest"],
        "tags": [shop.tag],
        "reason": "built here from trusted models",
    }
    assert [f"model:{shop.model}"] in [one["tags"] for one in found.values()]
    assert shop.built["digest"][:12] in shop("trust", "list").out


def test_a_model_that_is_withdrawn_takes_the_bundles_of_it_along(mine):
    done = mine("trust", "withdraw", f"model:{mine.model}", "--json").json
    assert done["withdrawn"][1:] == [mine.built["digest"]]
    assert mine("trust", "list", "--json").json == {"trusted": []}
    refused = mine("test", mine.tag, code=5)
    assert "not trusted on this machine" in refused.err
    assert "--trust" in refused.err
    mine("serve", f"model:{mine.model}", code=5)
    again = mine("trust", "withdraw", f"model:{mine.model}", code=1)
    assert "is not trusted on this machine" in again.err
    mine("test", mine.tag, "--trust")
    told = mine("trust", "withdraw", mine.tag)
    assert f"No longer trusted: `{mine.tag}`." in told.out
    mine("test", mine.tag, code=5)


def test_what_stays_trusted_is_told(mine):
    still = mine("trust", "withdraw", mine.tag)
    assert f"trusted by itself: `model:{mine.model}`" in still.err
    mine("test", mine.tag, "--trust")
    told = mine("trust", "withdraw", f"model:{mine.model}")
    assert f"trusted by their own digest stay so: `{mine.tag}`" in told.err
    mine("test", mine.tag)


def test_a_digest_that_no_item_has_any_more_is_withdrawn_as_well(mine):
    digest = mine.built["digest"]
    mine("delete", mine.tag, "-y")
    assert mine("trust", "withdraw", f"sha256:{digest}", "--json").json["withdrawn"] == [digest]
    left = mine("trust", "list", "--json").json["trusted"]
    assert [one["tags"] for one in left] == [[f"model:{mine.model}"]]
    assert "`nothing:1`" in mine("trust", "withdraw", "nothing:1", code=1).err


def test_a_record_that_is_damaged_can_be_withdrawn(mine):
    (mine.home / "trust" / mine.built["digest"]).write_bytes(b"x")
    found = {one["digest"]: one for one in mine("trust", "list", "--json").json["trusted"]}
    assert found[mine.built["digest"]]["reason"] is None
    mine("trust", "withdraw", mine.tag)
