"""Every command: its help, and `--json` as one object that begins with tag and digest."""

import re
import subprocess
import sys

import pytest

from modelbundle.runtime.version import __version__

SAID = {
    "save": ["save", "double", "train:model", "--json"],
    "init": ["init", "new", "--json"],
    "lock": ["lock", "--offline", "--json"],
    "build": ["build", "--offline", "--json"],
    "test": ["test", "twice", "--env", "current", "--json"],
    "list": ["list", "--json"],
    "show": ["show", "twice", "--json"],
    "diff": ["diff", "twice", "twice", "--json"],
    "verify": ["verify", "twice", "--json"],
    "sign": ["sign", "twice", "--key", "key.pem", "--json"],
    "sbom": ["sbom", "twice", "--json"],
    "delete": ["delete", "twice", "--json"],
    "predict": ["predict", "twice", "--env", "current", "--data", "sample.json", "--json"],
    "bench": [
        "bench",
        "twice",
        "--env=current",
        "--clients=2",
        "--rate=none",
        "--seconds=0.2",
        "--json",
    ],
    "client": ["client", "twice", "--json"],
    "containerize": ["containerize", "twice", "--print", "--json"],
    "export": ["export", "twice", "twice.tar", "--json"],
    "import": ["import", "twice.tar", "--json"],
    "push": ["push", "bundle:twice", "./shared", "--json"],
    "pull": ["pull", "./shared:twice:latest", "--json"],
    "doctor": ["doctor", "--json"],
    "du": ["du", "--json"],
    "gc": ["gc", "--dry-run", "--json"],
    "schema": ["schema", "--json"],
    "trust list": ["trust", "list", "--json"],
    "trust withdraw": ["trust", "withdraw", "model:double", "--json"],
    "models list": ["models", "list", "--json"],
    "models show": ["models", "show", "double", "--json"],
    "models alias": ["models", "alias", "double", "canary", "--json"],
    "models delete": ["models", "delete", "double", "--json"],
    "models export": ["models", "export", "double", "double.tar", "--json"],
    "models import": ["models", "import", "double.tar", "--json"],
}
FIRST = {
    "import": ["export", "twice", "twice.tar"],
    "pull": ["push", "bundle:twice", "./shared"],
    "models import": ["models", "export", "double", "double.tar"],
}
ONE_ITEM = {
    "save", "build", "test", "show", "verify", "delete", "bench", "containerize",
    "models show", "models alias", "models delete", "models export", "models import", "export",
    "import", "push", "pull", "sign", "sbom", "client",
}  # fmt: skip
CHANGING = {
    "models delete", "delete", "save", "build", "init", "models alias", "export", "import",
    "models export", "models import", "push", "pull", "sign", "trust withdraw",
}  # fmt: skip


def test_every_command_stands_in_the_help_and_in_these_tests(bundle):
    top = set(re.findall(r"^  ([a-z]+) {2,}", bundle("--help").out, re.MULTILINE))
    below = {
        f"{group} {verb}"
        for group in ("models", "trust")
        for verb in re.findall(r"^  ([a-z]+) {2,}", bundle(group, "--help").out, re.MULTILINE)
    }

    table = subprocess.run(
        [sys.executable, "-c", "from modelbundle.cli.app import COMMANDS; print(*COMMANDS)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert top == {*table.stdout.split(), "models", "trust"}
    shown = top - {"models", "trust"} | below
    assert shown == {*SAID, "serve", "restart", "vendor"}


@pytest.mark.parametrize("name", SAID)
def test_json_is_one_object_that_begins_with_tag_and_digest(name, shop, copy):
    run = copy(shop) if name in CHANGING else shop

    if name in FIRST:
        run(*FIRST[name])
    data = run(*SAID[name], fresh=True).json  # each command once as a person runs it

    assert isinstance(data, dict)
    assert "error" not in data
    if name in ONE_ITEM:
        assert list(data)[:2] == ["tag", "digest"]
        assert re.fullmatch(r"[a-z]+:[0-9a-f]{12}", data["tag"])
        assert re.fullmatch(r"[0-9a-f]{64}", data["digest"])


@pytest.mark.parametrize("name", [*SAID, "serve", "restart", "models"])
def test_help_says_what_a_command_does_and_how_it_is_typed(name, bundle):
    text = bundle(*name.split(), "--help", COLUMNS="100").out

    assert f"Usage: bundle {name} [OPTIONS]" in text
    assert name == "models" or re.search(rf"Examples?:\n\n.*bundle {name}", text, re.DOTALL)
    assert not re.search(r"^  \S+ +\[required\]", text, re.MULTILINE), "an argument has no help"
    assert max(map(len, text.splitlines())) <= 100


def test_bundle_alone_says_the_help_and_is_a_usage_error(bundle):
    alone = bundle(code=2)

    assert alone.out == ""
    assert "Turn a trained model into a service" in alone.err
    assert bundle("-h").out == alone.err


def test_the_version_is_the_package_s(bundle):
    assert bundle("--version").out == bundle("-V").out == f"bundle {__version__}\n"


@pytest.mark.parametrize("name", ["", "serve", "containerize", "models show"])
@pytest.mark.parametrize("columns", [32, 40, 51, 60])
def test_help_folds_in_a_narrow_terminal(bundle, name, columns):
    text = bundle(*name.split(), "--help", COLUMNS=str(columns)).out

    lines = [line for line in text.splitlines() if not line.startswith("    bundle ")]  # to copy
    wide = [line for line in lines if len(line) > columns]
    assert not [line for line in wide if len(line.split()) > 2], "a name that long has no room"
    texts = [line for line in lines if line.startswith(" " * 12)]
    assert all(len(line) - len(line.lstrip()) < columns * 0.66 for line in texts)
