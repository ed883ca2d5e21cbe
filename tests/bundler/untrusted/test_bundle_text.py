import pytest

from modelbundle.bundler.untrusted import bundle_text
from modelbundle.runtime.errors import InvalidBundle


def test_text_is_text(tmp_path):
    (tmp_path / "a").write_text("Grüße", "utf-8")
    assert bundle_text.read(tmp_path / "a", "env/a") == "Grüße"


def test_what_is_none_or_not_there_is_said(tmp_path):
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    for name, said in (("a", "`env/a` of the bundle is not text"), ("b", "has no `env/b`")):
        with pytest.raises(InvalidBundle, match=said):
            bundle_text.read(tmp_path / name, f"env/{name}")
