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


def test_long_values_are_shown_from_where_they_differ(bundle, saved, trained):
    (trained / "long.py").write_text("def model(rows):\n    return rows\n")
    for name in ("one", "two"):
        note = f'{{"note": "{"as before, " * 20}{name}"}}'
        bundle("save", name, "long:model", "--metadata", note)

    lines = bundle("diff", "one", "two").out.splitlines()

    assert "  ~ metadata.note: … before, as before, one -> … before, as before, two" in lines


def test_a_bundle_and_a_model_are_not_compared(shop):
    """A tag that names a bundle today may have named a model yesterday."""
    refused = shop("diff", "twice", "double", code=2)

    assert f"`{shop.tag}` is a bundle, and `{shop.model}` is a model." in refused.err
    assert refused.out == ""
