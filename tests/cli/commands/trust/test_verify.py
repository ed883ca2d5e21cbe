"""`bundle verify` and `bundle test`."""

import os
import shutil

import pytest


def test_a_whole_store_a_tag_and_a_directory_are_verified(shop, tmp_path):
    assert shop("verify").out == "Every model and bundle is as it was stored.\n"
    assert shop("verify", "twice").out == f"`{shop.tag}` is as it was stored.\n"

    shutil.copytree(shop.built["path"], tmp_path / "unpacked")
    checked = shop("verify", tmp_path / "unpacked", "--json").json
    assert checked["digest"] == shop.built["digest"]


def test_a_changed_file_of_an_unpacked_bundle_is_named(shop, tmp_path):
    unpacked = tmp_path / "unpacked"
    shutil.copytree(shop.built["path"], unpacked)
    (unpacked / "server.py").unlink()
    (unpacked / "server.py").write_text("import os\n")

    damaged = shop("verify", unpacked, code=6)

    assert "`server.py`" in damaged.err


def test_a_path_is_not_taken_for_a_tag(shop, tmp_path):
    refused = shop("verify", tmp_path, code=2)

    assert (
        f"`{tmp_path}` is not the directory of a bundle: there is no `bundle.json` in it."
        in refused.err
    )


@pytest.mark.parametrize("target", ["twice", "model:double", "."])
def test_the_recorded_answers_come_again(target, shop):
    tested = shop("test", target, "--env", "current")

    assert "double.predict: 2 rows ok" in tested.out


def test_other_answers_are_an_error_that_shows_them(bundle, plain):
    (plain / "train.py").write_text(
        "class Moody:\n"
        "    def predict(self, rows):\n"
        "        import os\n"
        "        return [[number + int(os.environ['MOOD']) for number in row] for row in rows]\n"
        "model = Moody()\n"
    )
    bundle("save", "moody", "train:model", "--sample", "sample.json", MOOD="1")

    differs = bundle("test", "model:moody", code=1, MOOD="2")
    assert "moody.predict: 2 rows DIFFERS" in differs.out
    assert "error: The answers differ from the recorded ones." in differs.err

    data = bundle("test", "model:moody", "--json", code=1, MOOD="2").json
    assert data["exit_code"] == 1
    assert data["methods"][0]["ok"] is False
    assert data["tag"].startswith("moody:")


def test_on_a_gpu_the_process_sees_that_one_alone(bundle, plain, tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text(
        "#!/bin/sh\necho 3, NVIDIA H200, 9.0, 143771, 580.65.06, GPU-1f0e\n"
    )
    (tmp_path / "nvidia-smi").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (plain / "train.py").write_text(
        "class Sees:\n"
        "    def predict(self, rows):\n"
        "        import os\n"
        "        return [os.environ.get('CUDA_VISIBLE_DEVICES', '') for row in rows]\n"
        "model = Sees()\n"
    )
    bundle("save", "sees", "train:model", "--sample", "sample.json")

    differs = bundle("test", "model:sees", "--gpu", code=1, PATH=path)
    assert "sees.predict: 2 rows DIFFERS (on a GPU" in differs.out
    assert 'expected "", got "3"' in differs.out

    missing = bundle("test", "model:sees", "--gpu=4", code=8, PATH=path)
    assert "error: There is no GPU 4 for this process; there is 3 (NVIDIA H200)." in missing.err


def test_a_model_without_samples_says_how_to_record_some(bundle, plain):
    bundle("save", "double", "train:model")

    assert "--sample" in bundle("test", "model:double").out


def test_an_empty_tag_is_a_question_and_not_the_whole_store(shop):
    assert "is not a valid name" in shop("verify", "", code=2).err


def test_a_damaged_store_is_mended_from_an_archive(copy, shop, tmp_path):
    mine = copy(shop)
    mine("export", "twice", tmp_path / "twice.tar")
    files = mine("show", "twice", "--json").json["manifest"]["files"]
    (digest,) = [file["digest"] for file in files if file["path"] == "server.py"]
    blob = mine.home / "blobs/sha256" / digest.removeprefix("sha256:")
    shutil.rmtree(mine.home / "trees")  # a copy of the store has copies of its files there
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")

    damaged = mine("verify", "--json", code=6).json
    assert damaged["ok"] is False
    assert "--repair" in damaged["hint"]
    left = mine("verify", "--repair", "--json", code=6).json
    assert (left["mended"], bool(left["damaged"])) == ([], True)

    mended = mine("verify", "--repair", "--from", tmp_path / "twice.tar", "--json").json
    assert mended["ok"]
    assert {one["path"] for one in mended["mended"]} == {one["path"] for one in left["damaged"]}
    assert mine("verify").out == "Every model and bundle is as it was stored.\n"
    assert mine("verify", "--repair").out == "Nothing was damaged.\n"


def test_copies_are_for_repairs_and_directories_are_not_repaired(shop, tmp_path):
    assert "--repair" in shop("verify", "--from", "x.tar", code=2).err
    shutil.copytree(shop.built["path"], tmp_path / "unpacked")
    assert "in place" in shop("verify", tmp_path / "unpacked", "--repair", code=2).err
