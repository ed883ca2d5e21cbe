"""Rules: what is said at once of a path is what its patterns say one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from modelbundle.bundler.project.secrets import FILES
from modelbundle.bundler.project.source_rules import JUNK, SourceRules

NAMES = [".git", "a", "b", "ab", "x.py", "x.pyc", "dist", "y.key", ".env", ".env.example", "(", "P"]
PATHS = st.builds(
    lambda parts, end: "/".join(parts) + end,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
ODD = ("[ab]*/x.py", "!/a/", "**/b", "[(?P<ps_d>/)]")


@pytest.mark.parametrize("patterns", [("**",), ("*.py", "!/a/*.py"), ODD[:3], ODD, ()])
def test_what_is_said_at_once_is_what_the_patterns_say(patterns):
    rules = SourceRules(patterns, patterns)
    junk, secrets, wanted = map(GitIgnoreSpec.from_lines, ((*JUNK, *patterns), FILES, patterns))

    @settings(max_examples=50, deadline=None)
    @given(PATHS)
    def compare(path):
        keeps_out = junk.match_file(path) or secrets.match_file(path.lower())
        assert rules.keeps_out(path) == keeps_out
        assert rules.takes(path) == (wanted.match_file(path) and not keeps_out)

    compare()
