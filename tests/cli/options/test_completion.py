"""The shell's completion, asked as the shell asks."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

BUNDLE = str(Path(sys.executable).parent / "bundle")


def completed(line, program="bundle", **variables):
    """What bash is offered for the last word of `line`."""
    words = line.split(" ")
    asked = {
        f"_{program.upper()}_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [BUNDLE.removesuffix("bundle") + program],
        capture_output=True,
        text=True,
        env=os.environ | asked | variables,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("program", ["bundle", "modelbundle"])
def test_commands_and_options_are_offered_under_both_names(program):
    assert {"save", "sbom", "serve", "show", "schema", "sign"} == set(
        completed(f"{program} s", program)
    )
    assert "--reload" in completed(f"{program} serve --re", program)
    assert completed(f"{program} models de", program) == ["delete"]
    assert completed(f"{program} serve x --env cur", program) == ["current"]


def test_tags_are_offered_by_kind(shop):
    home = {"BUNDLE_HOME": str(shop.home)}

    assert shop.model in completed("bundle models show do", **home)
    assert completed("bundle containerize tw", **home) == ["twice", shop.tag]
    assert completed("bundle containerize do", **home) == []
    assert {"twice", "double"} <= set(completed("bundle serve ", **home))


def test_a_tag_is_offered_with_its_kind_in_front_and_an_alias_behind_its_at(shop):
    home = {"BUNDLE_HOME": str(shop.home)}

    assert completed("bundle show model:do", **home) == ["model:double", f"model:{shop.model}"]
    assert completed("bundle show bundle:do", **home) == []
    assert completed("bundle show double@la", **home) == ["double@latest"]


def test_in_bash_which_breaks_words_at_colons_versions_and_aliases_are_offered(shop):
    """As bash sends them: of `twice:ab` the words `twice`, `:` and `ab`, of which it replaces the last."""
    home = {"BUNDLE_HOME": str(shop.home)}
    version = shop.tag.partition(":")[2]

    assert completed("bundle show twice :", **home) == [version]
    assert completed(f"bundle show twice : {version[:3]}", **home) == [version]
    assert completed("bundle show model : do", **home) == ["double", shop.model]
    assert completed("bundle show model : double :", **home) == [shop.model.partition(":")[2]]
    assert completed("bundle show double @ la", **home) == ["@latest"]
    assert completed("bundle diff twice : x ", **home) == completed("bundle diff x ", **home)
    assert completed("bundle show twice : x --js", **home) == ["--json"]


@pytest.mark.parametrize("line", ["bundle serve t", "bundle sarve t", "bundle models shaw t"])
def test_a_broken_store_or_command_offers_nothing_and_says_nothing(line):
    assert completed(line, BUNDLE_HOME="/dev/null") == []


def test_the_script_is_printed_for_the_shell_that_asks():
    asked = f"{shlex.quote(str(BUNDLE))} --show-completion; exit $?"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "_BUNDLE_COMPLETE=complete_bash" in done.stdout
