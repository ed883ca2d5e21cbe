"""What is typed wrong: exit code 2, one `error:`, one `hint:` that helps."""

import pytest

WRONG = {
    "sav": ("There is no command `bundle sav`.", "Did you mean `bundle save`?"),
    "run": ("There is no command `bundle run`.", "Did you mean `bundle serve`?"),
    "xyzzy": ("There is no command `bundle xyzzy`.", "See `bundle --help`."),
    "version": ("There is no command `bundle version`.", "Type `bundle --version`."),
    "models lst": ("There is no command `bundle models lst`.", "`bundle models list`?"),
    "save": ("`bundle save` needs `NAME`.", "`bundle save [OPTIONS] NAME SOURCE`"),
    "save a b --sampel c": ("has no option `--sampel`.", "Did you mean `--sample`?"),
    "save a b --sample": ("Option `--sample` requires an argument.", "`bundle save --help`"),
    "save a b --label x": ("`x` is not KEY=VALUE.", "See `bundle save --help`."),
    "--quiet list": ("`bundle` has no option `--quiet`.", "behind the command"),
    "list a b c": ("`bundle list` does not take `b c` as well.", "[NAME]"),
    "serve a --port 99999": ("`--port`: 99999 is not from 0 to 65535.", "`bundle serve --help`"),
    "serve a --port x": ("`--port`: `x` is not a whole number.", "`bundle serve --help`"),
    "serve a --workers 0": ("`--workers`: `0` is neither auto", "`bundle serve --help`"),
    "serve a --gpu=x": ("`--gpu`: `x` is not a list such as 0,1.", "`bundle serve --help`"),
    "serve a --env here": ("`--env`: `here` is not one of `auto`, `locked`", "`bundle serve"),
    "serve a --json --reload": ("`--json` and `--reload` do not go together.", "`bundle serve"),
    "predict a --timeout -1": ("`--timeout`: -1.0 is not 0.001 or more.", "`bundle predict"),
    "predict a rows.csv": ("does not take `rows.csv` as well.", "Did you mean `--data rows.csv`?"),
    "--json": ("`bundle` has no option `--json`.", "behind the command"),
    "--verson": ("`bundle` has no option `--verson`.", "Did you mean `--version`?"),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_told_in_two_lines(line, bundle):
    error, hint = WRONG[line]

    wrong = bundle(*line.split(), code=2)

    first, second = wrong.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second
    assert bool(wrong.out) == ("--json" in line)


def test_with_json_an_error_is_one_object_as_well(bundle):
    wrong = bundle("list", "--jsn", "--json", code=2)

    assert wrong.json == {
        "error": "`bundle list` has no option `--jsn`.",
        "hint": "Did you mean `--json`?",
        "exit_code": 2,
    }
    assert wrong.err.startswith("error: `bundle list` has no option")


def test_options_may_stand_before_between_and_behind_arguments(bundle):
    for line in (["--json", "x:1"], ["x:1", "--json"]):
        assert bundle("show", *line, code=1).json["error"] == "No model or bundle is tagged `x:1`."


@pytest.mark.parametrize("option", [["--gpu"], ["--gpu", "0,1"], ["--gpu=1"]])
def test_gpu_may_stand_with_or_without_a_value_before_the_target(option, bundle):
    assert "`nowhere`" in bundle("serve", *option, "nowhere", code=1).err
