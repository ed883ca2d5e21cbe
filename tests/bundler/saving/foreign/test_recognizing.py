"""What an archive or a directory is, when no tool left its mark on it."""

import pickle

import pytest

from modelbundle.bundler.archives import export_item
from modelbundle.bundler.errors import InvalidSource


@pytest.fixture
def pickled(sklearn_model):
    return pickle.dumps(sklearn_model)


def test_a_tar_with_one_model_is_what_sagemaker_takes(tmp_path, forms, take, pickled):
    files = {"model.pkl": pickled, "labels.txt": b"no\nyes\n"}
    taken = take(forms.tar(tmp_path / "model.tar.gz", files))
    assert taken.manifest.framework == "sklearn"
    assert taken.item.executes_code


def test_a_script_around_the_model_is_refused_and_never_run(tmp_path, forms, take, pickled):
    files = {"model.pkl": pickled, "code/inference.py": b"raise SystemExit('ran')"}
    with pytest.raises(InvalidSource, match="script of its own") as caught:
        take(forms.tar(tmp_path / "model.tar.gz", files))
    assert "service class" in caught.value.hint


def test_several_models_are_a_question(tmp_path, forms, take, pickled, boosted):
    files = {"a.pkl": pickled, "b.ubj": boosted[1]}
    with pytest.raises(InvalidSource, match=r"several models: `a\.pkl`, `b\.ubj`"):
        take(forms.tar(tmp_path / "model.tar.gz", files))


def test_no_model_is_told(tmp_path, forms, take):
    with pytest.raises(InvalidSource, match="without a model"):
        take(forms.zip(tmp_path / "x.zip", {"a.txt": b"hello"}))


def test_our_own_archive_is_taken_by_another_command(tmp_path, take, boosted):
    (tmp_path / "model.ubj").write_bytes(boosted[1])
    item = take(tmp_path / "model.ubj").item
    export_item(take.store, item, str(tmp_path / "ours.tar"))
    with pytest.raises(InvalidSource, match="archive of `bundle export`") as caught:
        take(tmp_path / "ours.tar")
    assert "bundle models import" in caught.value.hint


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl", "no suffix at all"])
def test_files_are_told_by_their_content(tmp_path, take, sklearn_model, name):
    import joblib

    joblib.dump(sklearn_model, tmp_path / name)
    taken = take(tmp_path / name)
    assert (taken.manifest.framework, taken.manifest.format) == ("sklearn", "joblib")


def test_a_pickle_stays_a_pickle_under_any_name(tmp_path, take, canary):
    for name in ("model.onnx", "model.safetensors", "model.ubj", "model.txt", "model.skops"):
        (tmp_path / name).write_bytes(canary)
        with pytest.raises(InvalidSource, match="its content is generic pickle"):
            take(tmp_path / name)
    (tmp_path / "plain").write_bytes(canary)
    assert take(tmp_path / "plain").item.executes_code


def test_a_failed_import_leaves_nothing_in_the_store(tmp_path, forms, take):
    with pytest.raises(InvalidSource):
        take(forms.zip(tmp_path / "x.mar", {"a": b"1", "../b": b"2"}))
    take.store.gc()
    assert [path for path in (take.store.root / "tmp").rglob("*") if path.is_file()] == []
    assert list((take.store.root / "blobs" / "sha256").iterdir()) == []
