"""The pages of the project."""

import pytest


@pytest.fixture(scope="session")
def pages(checkout):
    folders = ("docs/**/*.md", "examples/**/*.md", "benchmarks/*.md", "*.md")
    found = {path: path.read_text() for folder in folders for path in checkout.glob(folder)}
    assert len(found) > 40
    return found
