"""BentoML's models: exported, as they lie in its store, and in a bento."""

import io
import pickle

import numpy as np
import pytest

from modelbundle.bundler.errors import InvalidSource


def joblibbed(model):
    import joblib

    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.fixture
def files(forms, sklearn_model):
    """A scikit-learn model as BentoML keeps it."""
    return {
        "model.yaml": forms.bento_yaml("sklearn", "sklearn", {"scikit-learn": "1.9.1"}),
        "saved_model.pkl": joblibbed(sklearn_model),
    }


def test_an_export_is_a_tar_in_xz_and_one_model_with_its_directory(tmp_path, forms, take, files):
    exported = forms.tar(
        tmp_path / "m.bentomodel", {f"./{name}": data for name, data in files.items()}, "w:xz"
    )
    directory = tmp_path / "m"
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)
    taken = take(exported)
    assert taken.item.digest == take(directory).item.digest
    told = taken.manifest
    assert (told.framework, told.format, told.python) == ("sklearn", "joblib", "3.11.7")
    assert dict(told.packages) == {"scikit-learn": "1.9.1"}
    assert told.metadata["bentoml"] == {"name": "m", "version": "bndmf3xfrcuscax4"}
    assert taken.item.executes_code


def test_an_xgboost_wrapper_answers_as_itself(tmp_path, forms, take, boosted):
    model, data = boosted
    about = forms.bento_yaml(
        "xgboost", "xgboost", {"xgboost": "3.2.0"}, model_class="XGBClassifier"
    )
    taken = take(forms.tar(tmp_path / "m", {"model.yaml": about, "saved_model.ubj": data}, "w:xz"))
    assert taken.answer(forms.ROWS[:9].tolist()) == model.predict(forms.ROWS[:9]).tolist()


def test_lightgbm_calls_its_text_ubj(tmp_path, forms, take):
    import lightgbm

    data = lightgbm.Dataset(forms.ROWS, forms.CODES)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}, data, 2)
    about = forms.bento_yaml("lightgbm", "lightgbm", {"lightgbm": "4.7.0"})
    kept = {"model.yaml": about, "saved_model.ubj": booster.model_to_string().encode()}
    taken = take(forms.tar(tmp_path / "m", kept, "w:xz"))
    assert np.allclose(taken.answer(forms.ROWS[:3].tolist()), booster.predict(forms.ROWS[:3]))


def test_a_bento_gives_its_only_model_and_its_service_is_not_run(tmp_path, forms, take, files):
    bento = {f"models/m/v1/{name}": data for name, data in files.items()}
    bento |= {"bento.yaml": b"service: service:S", "src/service.py": b"raise SystemExit('ran')"}
    taken = take(forms.tar(tmp_path / "s.bento", bento, "w:xz"))
    assert taken.manifest.framework == "sklearn"
    bento |= {f"models/n/v1/{name}": data for name, data in files.items()}
    with pytest.raises(InvalidSource, match="a bento with 2 models") as caught:
        take(forms.tar(tmp_path / "s.bento", bento, "w:xz"))
    assert "bentoml models export" in caught.value.hint


def test_a_pickle_is_not_loaded(tmp_path, forms, take, canary):
    about = forms.bento_yaml("picklable_model", "cloudpickle", {"cloudpickle": "3.1.2"})
    taken = take(
        forms.tar(tmp_path / "m", {"model.yaml": about, "saved_model.pkl": canary}, "w:xz")
    )
    assert taken.item.executes_code
    assert taken.manifest.globals == {"model.pkl": ("posix.mkdir",)}


def test_only_versions_are_recorded(tmp_path, forms, take, boosted):
    versions = {"scikit-learn": "1.9.1; import os", "x\ny": "1", "torch": "2.13.0+cpu", "pandas": 3}
    about = forms.bento_yaml("xgboost", "xgboost", versions)
    taken = take(forms.tar(tmp_path / "m", {"model.yaml": about, "saved_model.ubj": boosted[1]}))
    packages = taken.manifest.packages
    assert packages["torch"] == "2.13.0"
    assert not {name for name in packages if "\n" in name}
    assert all(isinstance(version, str) and ";" not in version for version in packages.values())


def test_what_no_library_here_reads_is_told(tmp_path, forms, take):
    about = forms.bento_yaml("keras", "keras", {})
    with pytest.raises(InvalidSource, match=r"'bentoml\.keras'"):
        take(forms.tar(tmp_path / "m", {"model.yaml": about, "saved_model.h5": b"\x89HDF\r\n"}))


def test_pickled_numbers_and_tags_stay_text(tmp_path, forms, take):
    about = b"module: !!python/name:os.system\ncontext: {}\n"
    with pytest.raises(InvalidSource, match="without a model"):
        take(forms.tar(tmp_path / "m", {"model.yaml": about, "x": pickle.dumps(1)[:-1]}))
