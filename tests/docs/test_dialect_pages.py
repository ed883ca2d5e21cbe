"""docs/migrating and docs/dialects: what stands under "After", or in a console, is true."""

import re
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import yaml

from ..test_examples import CURRENT, Terminal, story

MIGRATING = ("bentoml", "fastapi", "kserve", "litserve", "mlserver-seldon", "ray-serve", "tf-serving",
             "torchserve")  # fmt: skip
DIALECTS = ("v2", "v1", "torchserve", "seldon")


@dataclass
class Reader(Terminal):
    """Somebody who follows pages, and has trained the model already.

    What is served already is not served once more.
    """

    files: dict = field(default_factory=dict)
    served: dict = field(default_factory=dict)

    def follow(self, name, pages):
        """Begin with the files of one page."""
        self.project = self.home.parent / name
        self.project.mkdir()
        self.files = pages
        for file, text in pages.items():
            (self.project / file).write_text(text)

    def type(self, command):
        """Run a command; ports are what the server was given."""
        if command[0] == "curl":
            rest = [re.sub(r"^localhost:\d+", "", each) for each in command[1:]]
            return self.curl(rest)
        assert command[:2] == ["bundle", "serve"], command
        key = (*command, *(self.files.items() if command[2] == "." else ()))
        if key not in self.served:
            self.serve([*command[2:], *CURRENT])
            self.served[key] = self.url
        self.url = self.served[key]
        return ""


@pytest.fixture(scope="module")
def reader(tmp_path_factory, checkout):
    """With the model of all pages, as docs/migrating/fastapi.md trains it."""
    home = tmp_path_factory.mktemp("reader")
    script = home / "train.py"
    script.write_text(files((checkout / "docs/migrating/fastapi.md").read_text())["train.py"])
    store = home / "store"
    with ExitStack() as closing:
        reader = Reader(home, store, closing)
        subprocess.run([sys.executable, script], check=True, cwd=home, env=reader.variables)
        yield reader


def files(page):
    """The files that a page has after "After", by the names in their first lines."""
    after = page.partition("\n## After\n")[2]
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", after, re.DOTALL)
    return dict(blocks)


def is_told(shown, answer):
    """Whether an answer is what the page shows, in which `...` is anything."""
    parts = [re.escape(part) for part in shown.split("...")]
    return re.fullmatch(".*?".join(parts), answer.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("name", MIGRATING)
def test_what_is_after_runs(name, reader, checkout):
    """A page has what was before and what is after, which runs and answers so."""
    page = (checkout / "docs" / "migrating" / f"{name}.md").read_text()
    before, found, after = page.partition("\n## After\n")
    assert found
    assert "\n## Before\n" in before
    assert "```" in before.partition("\n## Before\n")[2]
    reader.follow(name, files(page))
    told = story(after)
    assert any(command[0] == "curl" for command, _ in told)
    for command, shown in told:
        answer = reader.type(command)
        assert is_told(shown, answer), answer


@pytest.mark.parametrize("name", MIGRATING)
def test_what_was_before_is_python_and_yaml(name, checkout):
    """Their packages are not here; what a reader would copy is whole all the same."""
    page = (checkout / "docs" / "migrating" / f"{name}.md").read_text()
    before = page.partition("\n## Before\n")[2].partition("\n## After\n")[0]
    blocks = re.findall(r"```(python|yaml|json)\n(.*?)```", before, re.DOTALL)
    for kind, text in blocks:
        if kind == "python":
            compile(text, f"{name}.md", "exec")
        else:
            list(yaml.safe_load_all(text))
    assert blocks or "```console\n" in before


@pytest.mark.parametrize("name", DIALECTS)
def test_the_call_of_a_dialects_page_is_answered_so(name, reader, checkout):
    """As its first lines show."""
    page = (checkout / "docs" / "dialects" / f"{name}.md").read_text()
    spoken = ", ".join(DIALECTS)
    text = f"name: iris\nmodels: [iris]\nserve: {{dialects: [{spoken}]}}\n"
    reader.follow(f"dialect-{name}", {"bundlefile.yaml": text})
    reader.type(["bundle", "serve", "."])
    (asked,) = story(page)
    answer = reader.type(asked[0])
    assert is_told(asked[1], answer), answer


@pytest.mark.parametrize("name", [*DIALECTS, "sagemaker", "vertex"])
def test_a_dialects_page_has_a_table(name, checkout):
    """Of their features, and ours."""
    page = (checkout / "docs" / "dialects" / f"{name}.md").read_text()
    assert "| their feature | ours |" in page


@pytest.mark.parametrize("folder", ["dialects", "migrating"])
def test_links_lead_to_pages(folder, checkout):
    """Those within the documentation."""
    links = [
        (page, link)
        for page in (checkout / "docs" / folder).glob("*.md")
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    ]
    assert len(links) > 10
    for page, link in links:
        assert (page.parent / link).exists(), (page.name, link)
