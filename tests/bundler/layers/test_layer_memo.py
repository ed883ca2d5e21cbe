"""LayerMemo: what a layer was called is remembered where that can be written, and believed where
it can be read.
"""

import pytest

from modelbundle.bundler.layers.layer_memo import LayerMemo
from modelbundle.bundler.store import Blob
from modelbundle.runtime import digest

KEY, OTHER = digest.of_bytes(b"contents"), digest.of_bytes(b"other contents")
BLOB = Blob(digest.of_bytes(b"layer"), 5)


def test_a_layer_is_known_by_its_contents(tmp_path):
    memo = LayerMemo(tmp_path / "layers")
    assert memo.get(KEY) is None
    memo.put(KEY, BLOB)
    assert memo.get(KEY) == BLOB
    assert memo.get(OTHER) is None
    memo.put(KEY, Blob(OTHER, 7))
    assert memo.get(KEY) == Blob(OTHER, 7)
    assert len(list((tmp_path / "layers" / "known").iterdir())) == 1, "no draft is left"


def test_the_last_image_of_a_name_is_known(tmp_path):
    memo = LayerMemo(tmp_path / "layers")
    assert memo.last("flowers") == frozenset()
    memo.made("flowers", [KEY, OTHER])
    assert memo.last("flowers") == {KEY, OTHER}
    memo.made("flowers", [OTHER])
    assert memo.last("flowers") == {OTHER}
    assert memo.last("trees") == frozenset()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"digest": "d"}', b'{"digest": "d", "size": "x"}']
)
def test_what_cannot_be_read_is_not_known(tmp_path, text):
    memo = LayerMemo(tmp_path)
    memo.put(KEY, BLOB)
    memo.made("flowers", [KEY])
    for path in tmp_path.glob("*/*"):
        path.write_bytes(text)
    assert memo.get(KEY) is None
    assert memo.last("flowers") == frozenset()


def test_a_place_that_cannot_be_written_is_no_trouble(tmp_path):
    memo = LayerMemo(tmp_path / "layers")
    memo.directory.write_bytes(b"a file")
    memo.put(KEY, BLOB)
    memo.made("flowers", [KEY])
    assert memo.get(KEY) is None
    assert memo.last("flowers") == frozenset()
