"""Every page: its links lead somewhere, it stands in the index, its commands are commands."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from ..test_examples import story

PARSED = """
import json, sys
from click import BadOptionUsage, ClickException, Context
from typer.main import get_command
from modelbundle.cli.app import create_app

app, wrong = get_command(create_app()), []
for line in json.load(sys.stdin):
    command, path, rest = app, [], line
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name, *rest = rest
        path.append(name)
        command = command.commands.get(name)
    try:
        if command is None:
            raise ClickException("There is no such command.")
        if not hasattr(command, "commands"):
            command.make_parser(Context(command)).parse_args(list(rest))
    except BadOptionUsage:
        pass  # named without its value
    except ClickException as error:
        wrong.append([line, error.format_message()])
json.dump(wrong, sys.stdout)
"""


def anchor(heading):
    """What GitHub calls a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(text):
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_every_link_leads_to_a_page_and_a_heading(pages):
    count = 0
    for page, text in pages.items():
        outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s:]+)\)", outside):
            path, _, heading = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), (page, link)
            if heading:
                assert heading in anchors(target.read_text()), (page, link)
            count += 1
    assert count > 100


@pytest.mark.parametrize("folder", ["docs", "docs/dialects", "docs/migrating"])
def test_every_page_stands_in_its_index(checkout, folder):
    index = checkout / folder / "README.md"
    listed = set(re.findall(r"\]\(([^)#]+)\)", index.read_text()))
    for page in index.parent.glob("*.md"):
        assert page == index or page.name in listed, page


def test_every_folder_stands_in_the_architecture(checkout):
    page = (checkout / "docs" / "architecture.md").read_text()
    tree = re.search(r"## The folders\n\n```\n(.*?)```", page, re.DOTALL)[1]
    listed = re.split(r"^(\w+)/(?: .*)?$", tree, flags=re.MULTILINE)[1:]
    found = dict(zip(listed[::2], listed[1::2], strict=True))
    assert set(found) == {"cli", "bundler", "runtime"}
    for part, lines in found.items():
        folders = {path.parent.name for path in (checkout / part).glob("*/__init__.py")}
        assert set(re.findall(r"^  (\w+)/ ", lines, re.MULTILINE)) == folders


def commands(text):
    """Every `bundle ...` that stands in a block or in a line, as words."""
    yield from (words for words, _ in story(text))
    plain = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    yield from (shlex.split(line, comments=True) for part in plain for line in part.splitlines()
                if line.startswith("bundle "))  # fmt: skip
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from (shlex.split(span) for span in re.findall(r"`(bundle [^`]+)`", outside))


def asked(words):
    """The parts of a shell's line that are ours, without the program's name."""
    while "bundle" in words:
        words = words[words.index("bundle") + 1 :]
        end = next((n for n, word in enumerate(words) if word in {"|", "&&", ">", "..."}), None)
        yield words[:end]


def test_every_command_that_is_shown_is_one_with_these_options(pages):
    told = (words for text in pages.values() for words in commands(text))
    shown = [part for words in told for part in asked(words) if part]
    assert len(shown) > 250
    done = subprocess.run(
        [sys.executable, "-c", PARSED],
        input=json.dumps(shown),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [f"{shlex.join(line)}: {why}" for line, why in json.loads(done.stdout)] == []
