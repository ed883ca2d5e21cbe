"""`bundle import`: what was exported elsewhere, never trusted."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BUNDLE = str(Path(sys.executable).parent / "bundle")


@pytest.fixture
def archive(shop, tmp_path):
    """The shop's bundle in a file."""
    shop("export", "twice", tmp_path / "twice.tar")
    return tmp_path / "twice.tar"


def test_a_bundle_comes_with_its_tag_and_vouches_for_nothing(bundle, shop, archive):
    done = bundle("import", archive)

    assert done.out.startswith(f"Imported bundle `{shop.tag}` (")
    assert "not trusted on this machine" in done.err
    assert f"next: bundle serve bundle:{shop.tag} --trust" in done.err
    said = bundle("show", "twice", "--json").json
    assert said["digest"] == shop.built["digest"]
    assert said["trusted"] is False
    assert bundle("verify", "--json").json["ok"]
    assert "all of them here already" in bundle("import", archive).out


def test_an_imported_bundle_runs_only_when_somebody_vouches_for_it(bundle, archive):
    bundle("import", archive)
    refused = bundle("test", "twice", "--env", "current", code=5)
    assert "its own copy of the runtime" in refused.err
    assert "2 rows ok" in bundle("test", "twice", "--env", "current", "--trust").out
    assert "2 rows ok" in bundle("test", "twice", "--env", "current").out


def test_a_pickled_model_is_not_opened(bundle, shop, tmp_path):
    shop("models", "export", "double", tmp_path / "double.tar")
    said = bundle("models", "import", tmp_path / "double.tar", "--as", "mine:1", "--json").json
    assert (said["tag"], said["trusted"], said["executes_code"]) == ("mine:1", False, True)
    assert said["written"] > 0
    assert bundle("test", "model:mine", "--env", "current", code=5).err.count("error:") == 1


def test_one_machine_after_another_through_a_pipe(bundle, shop, tmp_path):
    environment = os.environ | {"BUNDLE_HOME": str(shop.home)}
    command = f"{BUNDLE} export twice - | BUNDLE_HOME={tmp_path}/other {BUNDLE} import - --json"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    assert f'"tag": "{shop.tag}"' in done.stdout


def test_a_damaged_archive_names_the_member(bundle, archive):
    with tarfile.open(archive) as tar:
        sources = [m for m in tar if (file := tar.extractfile(m)) and file.read(3) == b'"""']
    data = bytearray(archive.read_bytes())
    data[sources[0].offset_data] ^= 1  # some source file of the bundle
    archive.write_bytes(data)
    refused = bundle("import", archive, "--json", code=6)
    assert refused.json["exit_code"] == 6
    assert "is damaged in `" in refused.json["error"]
    assert ".py`: " in refused.json["error"]
    assert bundle("list", "--json").json == {"bundles": []}


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("missing.tar", 1, "There is no"),
        (".", 1, "oci-layout"),
        (
            "text.tar",
            6,
            "`text.tar` is not an archive of a model or a bundle: it has less than 512",
        ),
        ("train.py", 6, "`train.py` is not an archive of a model or a bundle."),
        ("text.tar.gz", 1, "gzip -dc"),
        ("/dev/null", 6, "`/dev/null` is not an archive of a model or a bundle: it has less"),
        ("nonsense://x", 1, "nonsense"),
    ],
)
def test_what_is_no_archive_is_said_in_a_line(source, code, said, bundle, tmp_path):
    (tmp_path / "text.tar").write_text("hello\n")
    (tmp_path / "train.py").write_text("import sklearn\n" * 100)
    (tmp_path / "text.tar.gz").write_bytes(b"\x1f\x8b" + bytes(20))
    done = bundle("import", source, code=code)
    assert said in done.err
    assert done.err.count("error:") == 1


def test_a_name_as_long_as_a_book_makes_a_short_error(bundle):
    done = bundle("import", "x" * 100_000, code=1)
    assert len(done.err) < 1200
