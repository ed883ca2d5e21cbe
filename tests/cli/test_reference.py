"""docs/cli.md is what the commands say of themselves."""

import subprocess
import sys

FRESH = """
from modelbundle.cli.reference import PATH, page
print(page(PATH.read_text(encoding="utf-8")), end="")
"""


def test_the_page_is_up_to_date(checkout):
    fresh = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=True
    )

    written = (checkout / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == fresh.stdout, "run `make schema`"
    assert written.count("### `bundle ") >= 22
