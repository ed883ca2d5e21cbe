"""uv's refusals, in a person's words."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements import uv

UNSATISFIABLE = """\
error: No solution found when resolving dependencies
  cause: Because you require idna==3.20 and idna<3, we can conclude that your requirements are \
unsatisfiable.
"""


def test_a_contradiction_keeps_the_sentence_and_loses_the_labels():
    error = uv.explain(UNSATISFIABLE)
    assert str(error).startswith("Because you require idna==3.20 and idna<3")
    assert error.exit_code == 4


def test_a_package_without_wheels_names_the_key_that_allows_building():
    error = uv.explain(
        "error: No solution found when resolving dependencies\n"
        "  cause: Because all versions of docopt have no usable wheels\n\n"
        "hint: Wheels are required for `docopt` because building from source is disabled"
    )
    assert "allow_source: [docopt]" in error.hint


def test_an_index_that_is_down_is_named(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match=r"cannot be reached: http://127\.0\.0\.1:9/") as caught:
        uv.run(
            ["pip", "compile", "in.txt", "--no-cache", "--index-url", "http://127.0.0.1:9/simple"],
            cwd=tmp_path,
        )
    assert "--offline" in caught.value.hint


def test_offline_without_a_cache_says_what_is_missing(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match="Offline, `idna`"):
        uv.run(
            ["pip", "compile", "in.txt"],
            cwd=tmp_path,
            offline=True,
            environment={"UV_CACHE_DIR": str(tmp_path / "cache")},
        )


def test_too_long_is_an_error(tmp_path):
    (tmp_path / "in.txt").write_text("idna\n")
    with pytest.raises(ResolveError, match="longer than 0 seconds"):
        uv.run(["pip", "compile", "in.txt"], cwd=tmp_path, timeout=0.000001)


def test_a_full_disk_is_said_and_not_what_uv_thinks_of_links():
    stderr = (
        "warning: Failed to hardlink files; falling back to full copy.\n"
        "         If the cache and target directories are on different filesystems, hardlinking "
        "may not be supported.\n"
        "error: Failed to install: numpy-2.4.6.whl (numpy==2.4.6)\n"
        "  Caused by: failed to copy file: No space left on device (os error 28)\n"
    )
    error = uv.explain(stderr)
    assert "ran out of space" in str(error)
    assert "bundle gc" in error.hint
