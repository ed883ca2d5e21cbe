"""The parts of a form, and the limits of a stranger's."""

import tracemalloc

import pytest

from modelbundle.runtime.data.codecs import multipart
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.errors import BadPayload
from modelbundle.runtime.manifests.signature import Field, Side

KIND = "multipart/form-data; boundary=x"
HEAD = b'--x\r\nContent-Disposition: form-data; name="a"'


def form(*heads):
    return b"".join(head + b"\r\n\r\nb\r\n" for head in heads) + b"--x--\r\n"


def test_no_more_parts_than_a_form_may_have():
    assert len(multipart.loads(form(*[HEAD] * 1024), KIND)) == 1024
    with pytest.raises(BadPayload, match="more than 1024 parts"):
        multipart.loads(form(*[HEAD] * 1025), KIND)


def test_the_headers_of_a_part_are_limited():
    long = HEAD + b"\r\nX: " + b"y" * (8192 - len(HEAD) + 3 - len("\r\nX: "))
    assert multipart.loads(form(long), KIND)[0].name == "a"
    with pytest.raises(BadPayload, match="no end of its headers"):
        multipart.loads(form(long + b"y"), KIND)
    with pytest.raises(BadPayload, match="no end of its headers"):
        multipart.loads(b"--x\r\n" + HEAD + b"\r\n--x--", KIND)


@pytest.mark.parametrize(
    ("said", "name", "filename"),
    [
        (b'form-data; name="a\\"b"', 'a"b', None),
        (b"form-data; name=a", "a", None),
        (b'FORM-DATA; NAME="a"; filename=""', "a", ""),
        (b'form-data; filename="f.csv"; name="a;b"', "a;b", "f.csv"),
    ],
)
def test_a_part_is_named_with_and_without_quotes(said, name, filename):
    (part,) = multipart.loads(form(b"--x\r\nContent-Disposition: " + said), KIND)
    assert (part.name, part.filename, part.body) == (name, filename, b"b")


@pytest.mark.parametrize("said", [b"attachment; name=a", b"form-data", b"form-data; filename=a"])
def test_a_part_without_a_name_is_none(said):
    with pytest.raises(BadPayload, match="does not say its name"):
        multipart.loads(form(b"--x\r\nContent-Disposition: " + said), KIND)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "text/csv"),
        (b"\r\nContent-Type: application/octet-stream", "text/csv"),
        (b"\r\nContent-Type: application/json", "application/json"),
    ],
)
def test_a_name_tells_the_type_where_nothing_else_does(said, kind):
    head = HEAD + b'; filename="F.CSV"' + said
    assert multipart.loads(form(head), KIND)[0].content_type == kind
    named = multipart.loads(form(HEAD + said), KIND)[0]
    assert named.is_file is bool(said)


def test_text_is_utf8():
    data = form(HEAD).replace(b"\r\nb\r\n", b"\r\n\xff\r\n")
    with pytest.raises(BadPayload, match="`a` is not UTF-8"):
        multipart.loads(data, KIND)[0].text()


def test_a_large_part_is_copied_once():
    """Bodies may be as large as the memory allows."""
    body = form(HEAD).replace(b"\r\n\r\nb", b"\r\n\r\n" + b"b" * (1 << 22))
    tracemalloc.start()
    try:
        (part,) = multipart.loads(body, KIND)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(part.body) == 1 << 22
    assert most < 1.5 * (1 << 22)


def test_what_stands_around_the_parts_is_left_out():
    """A preamble, and what follows the last mark; a boundary within a line is none."""
    (part,) = multipart.loads(b"hello\r\n" + form(HEAD) + b"bye", KIND)
    assert part.body == b"b"
    with pytest.raises(BadPayload, match="or it is cut"):
        multipart.loads(b"hello" + form(HEAD)[:-3], KIND)


def test_a_field_of_a_form_may_be_longer_than_a_cell_of_csv():
    """It was refused as a cell of CSV, which nobody had sent."""
    side = Side("columns", (Field("a", "str", (None,)), Field("n", "int64", (None,))))
    other = b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n3\r\n'
    text = b'"\r\n,;' * 40_000
    body = HEAD + b"\r\n\r\n" + text + b"\r\n" + other + b"--x--\r\n"
    batch = Codec(side).decode(body, KIND)
    assert (list(batch["a"]), list(batch["n"])) == ([text.decode()], [3])
