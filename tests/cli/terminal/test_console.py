"""The console: stdout is the result, stderr the talk, and neither can be driven by what it prints."""

import json

import pytest

from modelbundle.cli.terminal.console import Console, printable


def test_the_result_goes_to_stdout_and_the_talk_to_stderr(capsys):
    console = Console()

    console.step("Hashing.")
    console.result({"tag": "a:1"}, "Saved `a:1`.", next_command="bundle build")

    out, err = capsys.readouterr()
    assert out == "Saved `a:1`.\n"
    assert err == "Hashing.\nnext: bundle build\n"


def test_json_is_one_object_and_nothing_else_on_stdout(capsys):
    Console(json=True).result({"tag": "a:1", "n": 1}, "Saved.")

    assert json.loads(capsys.readouterr().out) == {"tag": "a:1", "n": 1}


def test_quiet_says_results_warnings_and_errors_only(capsys):
    console = Console(quiet=True)

    console.step("Hashing.")
    console.warning("Unpinned.")
    console.error("It broke.", "Mend it.")
    console.result({}, "Done.")

    out, err = capsys.readouterr()
    assert out == "Done.\n"
    assert err == "warning: Unpinned.\nerror: It broke.\nhint: Mend it.\n"


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x07", "\r", "\x9b31m", "\u202e"])
def test_control_characters_never_reach_the_terminal(hostile, capsys):
    Console().result({}, f"name {hostile} end")

    assert hostile not in capsys.readouterr().out


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "\x7f", "\x9b31m", "\u202e", "\u2028", "\U000e0001"]
)
def test_json_of_strangers_does_not_drive_the_terminal_either(hostile, capsys):
    Console(json=True).result({"name": f"Grüße {hostile} \\"})

    out = capsys.readouterr().out
    assert out.rstrip("\n").isprintable()
    assert "Grüße" in out
    assert json.loads(out) == {"name": f"Grüße {hostile} \\"}


def test_printable_keeps_words_lines_and_tabs():
    assert printable("Grüße\n\t`a:1`") == "Grüße\n\t`a:1`"


def test_color_is_asked_for_by_force_and_refused_by_no_color(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    Console().error("It broke.")
    assert capsys.readouterr().err == "\x1b[1;31merror:\x1b[0m It broke.\n"

    monkeypatch.setenv("NO_COLOR", "1")
    Console().error("It broke.")
    assert capsys.readouterr().err == "error: It broke.\n"


def test_a_table_keeps_long_cells_whole_where_there_is_no_terminal(capsys):
    tag = "a-rather-long-name-of-a-model:" + "3f1a9c0b7d22" * 2

    Console().table({}, ("TAG", "SIZE"), [(tag, "1 kB")])

    assert tag in capsys.readouterr().out


def test_a_table_is_its_data_with_json(capsys):
    Console(json=True).table({"models": []}, ("TAG",), [("a",)])

    assert json.loads(capsys.readouterr().out) == {"models": []}
