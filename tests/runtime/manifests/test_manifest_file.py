"""Manifest files of strangers: what has no canonical form is no manifest."""

import pytest

from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests import manifest_file


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b"\xff", b'{"a":' * 100_000, b'{"a":1,"a":2}', b'{"a":NaN}',
        b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":"\\ud800"}', b'{"\\udc00":1}',
        b'{"a":' + b"1" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(tmp_path, data):
    path = tmp_path / "bundle.json"
    path.write_bytes(data)
    with pytest.raises(InvalidBundle, match=r"bundle\.json"):
        manifest_file.read(path)


def test_a_manifest_is_read(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_bytes(b'{"a": "\\ud83d\\ude00"}')
    assert manifest_file.read(path) == {"a": "\U0001f600"}
