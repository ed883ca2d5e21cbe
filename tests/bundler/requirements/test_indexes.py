"""A package that is bound to an index comes from nowhere else, and is asked for nowhere else."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.index import Index, bare, shown
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.target import Target, moment


@pytest.fixture
def two(serve_index, make_wheel, monkeypatch):
    """Our own index, and a public one where everything of ours is, too, and newer."""
    own, public = serve_index("own"), serve_index("public")
    for served, version in ((own, "1.0"), (public, "9.0")):
        make_wheel(served.root / "alpha", "alpha", version, ["beta"])
        make_wheel(served.root / "beta", "beta", version)
    make_wheel(public.root / "gamma", "gamma", "1.0", ["beta"])
    make_wheel(own.root / "gamma", "gamma", "0.1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", public.url)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    return own, public


def versions(index, *texts, **given):
    wanted = tuple(Requirement(text, "us") for text in texts)
    target = Target("3.11", "linux/amd64", indexes=(index,), **given)
    return {p.name: p.version for p in resolve(Requirements(wanted), target)}


def test_bound_packages_come_from_there_however_they_are_asked_for(two):
    own, public = two
    bound = Index(own.url, "own", ("alpha", "beta"))
    assert versions(bound, "gamma") == {"beta": "1.0", "gamma": "1.0"}
    assert versions(bound, "alpha", "gamma") == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    assert not [path for path in public.asked if "alpha" in path or "beta" in path]
    assert not [path for path in own.asked if "gamma" in path]


def test_what_is_bound_and_not_there_is_missing_and_not_taken_elsewhere(two):
    own, public = two
    with pytest.raises(ResolveError, match="zeta"):
        versions(Index(own.url, "own", ("zeta",)), "zeta")
    assert not [path for path in public.asked if "zeta" in path]


def test_what_is_bound_and_cannot_be_had_hinders_only_who_needs_it(two, make_wheel):
    own, public = two
    (own.root / "delta").mkdir()
    (own.root / "delta" / "delta-1.0.tar.gz").write_bytes(b"an sdist")
    make_wheel(own.root / "early", "early", "1.0", ["gamma<1"])
    make_wheel(public.root / "delta", "delta", "9.0")
    bound = Index(own.url, "own", ("alpha", "beta", "delta", "early", "nowhere"))
    assert versions(bound, "alpha", "gamma>=1") == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    make_wheel(own.root / "epsilon", "epsilon", "1.0", ["delta"])
    with pytest.raises(ResolveError, match=r"delta.*no usable wheels|no wheels"):
        versions(Index(own.url, "own", ("alpha", "delta", "epsilon")), "epsilon")
    assert not [path for path in public.asked if "delta" in path]


def test_a_folder_of_this_machine_does_not_replace_what_is_bound(
    two, tmp_path, make_wheel, monkeypatch
):
    own, _ = two
    make_wheel(tmp_path / "folder", "alpha", "10.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "folder"))
    bound = Index(own.url, "own", ("alpha", "beta"))
    assert versions(bound, "alpha") == {"alpha": "1.0", "beta": "1.0"}


def test_an_index_without_packages_is_asked_first_for_all(two):
    own, _ = two
    assert versions(Index(own.url), "gamma") == {"gamma": "0.1"}


def test_credentials_come_from_the_environment_and_stay_there(serve_index, make_wheel, monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    own = serve_index("own", credentials="ann:hush-hush")
    make_wheel(own.root / "alpha", "alpha", "1.0")
    bound = Index(own.url, "ours", ("alpha",))
    monkeypatch.setenv("UV_INDEX_OURS_USERNAME", "ann")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "hush-hush")
    monkeypatch.setenv("BUNDLE_INDEX_OURS_HOST", own.url.removeprefix("http://"))
    target = Target("3.11", "linux/amd64", indexes=(bound,))
    (package,) = resolve(Requirements((Requirement("alpha", "us"),)), target)
    assert "hush" not in str([package.to_json(), dict(package.urls)])
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "wrong-one")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(ResolveError) as caught:
        resolve(Requirements((Requirement("alpha", "us"),)), target)
    assert "wrong-one" not in f"{caught.value} {caught.value.hint}"


def test_an_address_without_what_is_private():
    assert bare("https://user:pw@host:8/simple/?t=1#x") == "https://host:8/simple"


def test_a_day_ends_at_one_moment_everywhere():
    assert moment("2026-08-01") == "2026-08-02T00:00:00Z"
    assert moment("2026-08-01T12:00:00+02:00") == "2026-08-01T12:00:00+02:00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"--index-url https://aws:{'t' * 900}@host/simple", "--index-url https://***@host/simple"),
        (f"x @ https://host/x.whl?sig={'t' * 900}", "x @ https://host/x.whl?***"),
        ("https://host/x?a=1?b=2", "https://host/x?***"),
        ("is it?", "is it?"),
    ],
)
def test_a_long_password_is_left_out_before_a_line_is_cut(text, told):
    assert shown(text) == told


def test_a_line_of_question_marks_is_shown_at_once():
    assert shown("?" * 300_000) == "?" * 200 + "..."
