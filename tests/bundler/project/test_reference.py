"""The page of every key."""

import re
from pathlib import Path

from modelbundle.bundler.project import reference
from modelbundle.bundler.project.bundlefile import Bundlefile


def test_the_page_is_up_to_date():
    text = reference.PATH.read_text(encoding="utf-8")
    assert text == reference.page(text), "run `python -m modelbundle.bundler.project.reference`"


def test_every_section_has_its_table():
    tables = re.findall(r"^##+ `([^`]+)`$", reference.keys(), re.MULTILINE)
    assert {"models[]", "serve.apis.<name>.batch", "system.run[]", "security"} <= set(tables)


def test_the_bundlefiles_on_the_page_are_valid(tmp_path):
    blocks = re.findall(r"```yaml\n(.+?)```", reference.PATH.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        path = Path(tmp_path / "bundlefile.yaml")
        path.write_text(block, encoding="utf-8")
        Bundlefile.read(path)
