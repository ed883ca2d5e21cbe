"""Example rows from files."""

import io
import os
import sys
import zipfile

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.recording import sample_file
from modelbundle.bundler.saving.saving import SaveOptions
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.model_manifest import ModelManifest


def npy(header):
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode()


def zipped(name, content, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("text", ["[[1, 2.5]]", '{"instances": [[1, 2.5]]}'])
def test_json_is_a_list_of_rows_or_a_request(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    assert sample_file.read(tmp_path / "s.json") == [[1, 2.5]]


def test_csv_with_a_header_is_a_table_and_without_one_a_matrix(tmp_path):
    (tmp_path / "s.csv").write_text("age,city\n41,Oslo\n")
    assert list(sample_file.read(tmp_path / "s.csv")) == ["age", "city"]
    (tmp_path / "s.csv").write_text("1,2.5\n3,4\n")
    assert sample_file.read(tmp_path / "s.csv").tolist() == [[1, 2.5], [3, 4]]


def test_named_columns_without_pandas_say_who_needs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "s.csv").write_text("age,city\n41,Oslo\n")
    with pytest.raises(InvalidSource, match=r"s\.csv` has named columns; `pandas`") as caught:
        sample_file.read(tmp_path / "s.csv")
    assert "pip install pandas" in caught.value.hint


def test_npy_is_an_array_without_pickles(tmp_path):
    np.save(tmp_path / "s.npy", np.ones((2, 3)))
    assert sample_file.read(tmp_path / "s.npy").shape == (2, 3)
    np.save(tmp_path / "s.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidSource, match="cannot be read"):
        sample_file.read(tmp_path / "s.npy")


def test_npz_is_an_array_for_each_input(tmp_path):
    np.savez(tmp_path / "s.npz", ids=np.ones((2, 3), int), mask=np.ones(2))
    found = sample_file.read(tmp_path / "s.npz")
    assert {name: array.shape for name, array in found.items()} == {"ids": (2, 3), "mask": (2,)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.npz", b"hello"),
        ("s.json", b"{"),
        ("s.json", b"3"),
        ("s.json", b'{"rows": []}'),
        ("s.json", b"[]"),
        ("s.json", b"\xff"),
        ("s.csv", b""),
        ("s.csv", b"1,2\n3\n"),
        ("s.npy", b"hello"),
        ("s.txt", b"1"),
        ("s.csv", b"x" * 200_000),  # a field longer than the csv module takes
        ("s.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000,)}")),
        ("s.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}")),
        ("s.npy", npy("((((")),
        ("s.npy", zipped("x.npy", b"")),
        ("s.npz", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0,)}")),
        ("s.npz", zipped("x.npy", b"hello")),
        ("s.npz", zipped("x.npy", b"hello").replace(b"hello", b"hallo")),  # another checksum
        (
            "s.npz",
            zipped("x.npy", b"hello" * 9, zipfile.ZIP_LZMA).replace(b"\x09\x04", b"\x09\x05"),
        ),
    ],
)
def test_what_is_not_rows_is_refused_with_the_files_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidSource, match=name):
        sample_file.read(tmp_path / name)


def test_a_zip_that_unfolds_beyond_any_sample_is_not_unfolded(tmp_path):
    data = zipped("x.npy", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    claimed = (1 << 20).to_bytes(4, "little")
    (tmp_path / "s.npz").write_bytes(data.replace(claimed, b"\xfe\xff\xff\xff"))
    with pytest.raises(InvalidSource, match="larger than"):
        sample_file.read(tmp_path / "s.npz")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "s.json")
    with pytest.raises(InvalidSource, match="not a regular file"):
        sample_file.read(tmp_path / "s.json")


def test_a_model_may_write_into_its_sample(tmp_path):
    np.save(tmp_path / "s.npy", np.ones((2, 3)))
    sample_file.read(tmp_path / "s.npy")[0, 0] = 2


def test_a_missing_sample_says_so(tmp_path):
    with pytest.raises(InvalidSource, match="There is no sample"):
        sample_file.read(tmp_path / "gone.json")


def test_a_whole_number_in_text_stands_for_any_number(tmp_path):
    """A client may send 1.5 although the sample happened to hold whole numbers."""
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0])
    (tmp_path / "s.json").write_text("[[1, 2], [3, 4]]")
    item = saving.save_object("m", model, SaveOptions(sample_file=tmp_path / "s.json"))
    manifest = ModelManifest.read(Store.default().directory(item))
    assert manifest.methods["predict"].inputs.fields[0].dtype == "float64"
    item = modelbundle.save("m", model, sample=np.array([[1, 2]]))
    manifest = ModelManifest.read(Store.default().directory(item))
    assert manifest.methods["predict"].inputs.fields[0].dtype == "int64"


def test_token_ids_stay_whole_numbers():
    import torch

    model = torch.nn.Sequential(torch.nn.Embedding(10, 2), torch.nn.Flatten())
    item = modelbundle.save("m", model, sample=[[1, 2, 3], [4, 5, 6]])
    manifest = ModelManifest.read(Store.default().directory(item))
    assert manifest.methods["predict"].inputs.fields[0].dtype == "int64"
    assert manifest.format == "safetensors"


def test_zeros_in_front_make_a_column_of_texts(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("zip,share,age\n0150,0.5,1\n5003,0,2\n,1,3\n")
    rows = sample_file.read(path)
    assert rows["zip"].tolist()[:2] == ["0150", "5003"]
    assert rows["zip"].isna().tolist() == [False, False, True]
    assert [str(rows[name].dtype) for name in ("share", "age")] == ["float64", "int64"]
