"""KnownBlobs: who has which blob."""

from modelbundle.bundler.registry.known_blobs import KnownBlobs
from modelbundle.bundler.registry.reference import parse

from .conftest import sha

A, B = sha(b"a"), sha(b"b")


def test_what_was_noted_is_known_of_that_registry(tmp_path):
    notes = KnownBlobs(tmp_path / "registries")
    assert notes.of("h.io") == {}
    notes.note(parse("h.io/x/y:1"), [A])
    notes.note(parse("h.io/x/y:2"), [B])
    notes.note(parse("other.io/z"), [A])
    assert notes.of("h.io") == {A: "x/y", B: "x/y"}
    assert notes.of("other.io") == {A: "z"}


def test_a_damaged_note_is_no_harm(tmp_path):
    folder = tmp_path / "registries"
    notes = KnownBlobs(folder)
    notes.note(parse("h.io/x"), [A])
    next(folder.iterdir()).write_bytes(b"\xff\xfe\nx")
    assert notes.of("h.io") == {}
    (folder / "0.txt").write_text("h.io\nx\n../../etc\n")
    assert notes.of("h.io") == {}


def test_a_store_that_cannot_be_written_is_no_harm(tmp_path):
    (tmp_path / "file").touch()
    KnownBlobs(tmp_path / "file").note(parse("h.io/x"), [A])
