"""`bundle diff`: the lines that a person reads."""


def test_a_method_that_answers_otherwise_is_told_part_by_part(bundle, saved, trained):
    (trained / "three.json").write_text('["red", "green", "blue"]')
    (trained / "other.py").write_text("def model(rows):\n    return [len(row) for row in rows]\n")
    bundle("save", "other", "other:model", "--sample", "three.json")

    lines = bundle("diff", "answer", "other").out.splitlines()

    assert "  ~ predict.inputs.layout: array -> objects" in lines
    assert "  ~ framework: sklearn -> generic" in lines
    assert "  - predict_proba" in lines
    assert not any("{" in line or "(" in line for line in lines if "fields" not in line)
