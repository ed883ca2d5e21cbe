"""`bundle save`, from module:attribute and from files."""

import numpy as np


def test_a_model_is_saved_and_the_next_command_is_said(bundle, trained):
    done = bundle("save", "answer", "train:model", "--sample", "sample.json")

    assert done.out.startswith("Saved `answer:")
    assert "next: bundle serve model:answer:" in done.err


def test_an_object_with_nothing_to_call_is_saved_shown_and_not_served(bundle, plain):
    (plain / "words.py").write_text("words = {'a': 1}\n")

    done = bundle("save", "words", "words:words")

    assert "nothing to call" in done.err
    assert "next: bundle show model:words:" in done.err
    assert "nothing to call" in bundle("show", "model:words").out
    assert "nothing to call" in bundle("serve", "model:words", code=1).err


def test_a_table_is_data_though_it_has_a_method_called_transform(bundle, plain):
    (plain / "rows.py").write_text("import pandas\n\nframe = pandas.DataFrame({'a': [1]})\n")

    assert "nothing to call" in bundle("save", "rows", "rows:frame").err

    refused = bundle("save", "rows", "rows:frame", "--sample", "sample.json", code=1)
    assert "nothing to call" in refused.err


def test_the_json_begins_with_tag_and_digest(bundle, plain):
    data = bundle("save", "answer", "train:model", "--json").json

    assert list(data)[:2] == ["tag", "digest"]
    assert len(data["digest"]) == 64
    assert data["tag"] == f"answer:{data['digest'][:12]}"


def test_saving_the_same_again_gives_the_same_tag_and_no_new_bytes(bundle, double):
    before = bundle("du", "--json").json

    again = bundle("save", "double", "train:model", "--sample", "sample.json", "--json").json

    assert again["tag"] == double
    assert bundle("du", "--json").json == before


def test_version_labels_metadata_and_aliases_are_kept(bundle, plain):
    bundle(
        "save", "answer", "train:model", "--version", "2.1", "--alias", "canary",
        "--label", "team=growth", "--metadata", '{"auc": 0.9}',
    )  # fmt: skip

    shown = bundle("models", "show", "answer@canary", "--json").json

    assert shown["tag"] == "answer:2.1"
    assert "canary" in shown["aliases"]
    section = shown["manifest"]["io.modelbundle.model.v1"]
    assert section["labels"] == {"team": "growth"}
    assert section["metadata"] == {"auc": 0.9}


def test_json_that_is_nested_too_deeply_or_says_a_thing_twice_is_an_error_of_one_line(
    bundle, plain
):
    deep, twice = plain / "deep.json", '{"auc": 0.9, "auc": 0.1}'
    deep.write_text("[" * 200_000)
    for option, given, said in (
        ("--metadata", deep, "nested too deeply"),
        ("--metadata", twice, "a key appears twice"),
        ("--classes", deep, "nested too deeply"),
    ):
        refused = bundle("save", "answer", "train:model", option, given, code=1)
        assert refused.err.startswith(f"error: `{option}` cannot be read: ")
        assert said in refused.err


def test_a_version_is_never_given_to_other_content(bundle, plain):
    bundle("save", "answer", "train:model", "--version", "1")
    (plain / "train.py").write_text("def model(rows):\n    return rows\n")

    refused = bundle("save", "answer", "train:model", "--version", "1", code=5)

    assert "answer:1" in refused.err
    assert "hint:" in refused.err


def test_a_missing_module_attribute_and_file_each_say_which(bundle, plain):
    assert "trian" in bundle("save", "a", "trian:model", code=1).err
    assert "`modell`" in bundle("save", "a", "train:modell", code=1).err
    assert "gone.onnx" in bundle("save", "a", "gone.onnx", code=1).err


def test_the_version_may_stand_behind_the_name(bundle, plain):
    assert bundle("save", "answer:2.1", "train:model", "--json").json["tag"] == "answer:2.1"
    refused = bundle("save", "answer:2.1", "train:model", "--version", "3", code=2)
    assert "Give one version" in refused.err


def test_a_name_that_cannot_be_one_is_a_usage_error(bundle, plain):
    refused = bundle("save", "../../evil", "train:model", code=2)

    assert "not a valid name" in refused.err


NOISY = """
import atexit, os, sys

print("noise at import", flush=True)
os.write(1, b"noise below Python\\n")
atexit.register(print, "noise at exit")
if os.environ.get("LEAVES"):
    sys.exit(0)


class Doubler:
    def predict(self, rows):
        print("noise at a call")
        if os.environ.get("LEAVES_LATE"):
            sys.exit(0)
        return [[2 * number for number in row] for row in rows]


model = Doubler()
"""


def test_what_the_program_of_a_model_prints_is_no_part_of_the_result(bundle, tmp_path):
    (tmp_path / "noisy.py").write_text(NOISY)
    (tmp_path / "sample.json").write_text("[[1.0, 2.0]]")
    given = ("save", "double", "noisy:model", "--sample", "sample.json", "--json")
    done = bundle(*given)
    assert done.json["name"] == "double"
    for noise in ("at import", "below Python", "at a call", "at exit"):
        assert f"noise {noise}" in done.err
    for leaves in ("LEAVES", "LEAVES_LATE"):
        refused = bundle(*given, code=1, **{leaves: "1"})
        assert "left (exit code 0) before anything was saved" in refused.json["error"]
    assert len(bundle("models", "list", "--json").json["models"]) == 1


def test_the_axis_of_the_rows_is_said_where_the_steps_come_first(bundle, plain):
    (plain / "steps.py").write_text("model = lambda steps: steps.sum(axis=0)\n")
    np.save(plain / "steps.npy", np.ones((5, 2, 3)))

    bundle("save", "steps", "steps:model", "--sample", "steps.npy", "--batch-axis", "1")
    assert "array(input-0 float64[n,5,3])" in bundle("show", "model:steps").out

    named = ("--batch-axis", "input-0=1")
    bundle("save", "steps", "steps:model", "--sample", "steps.npy", *named)
    for axis in ("one", "x=one", "-1"):
        options = ("--sample", "steps.npy", f"--batch-axis={axis}")
        bundle("save", "steps", "steps:model", *options, code=2)
