"""What goes into the bundle and its image."""

import re

import pytest

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("models", f"[{DIGEST}]", "as: NAME"),
        ("models", "[{ref: net, pin: yes}]", "true"),
        ("models", "[7]", 'in quotes: "7"'),
        ("models", "[{ref: net, versions: 0}]", "says no versions"),
        ("models", "[{ref: net, versions: al}]", "Write `all`"),
        ("models", "[{ref: net, versions: ['1', '1']}]", "twice"),
        ("models", "[{ref: net, versions: [1.0]}]", "is not a version"),
        ("models", "[{ref: 'net:1', versions: all}]", "one version already"),
        ("models", "[{ref: net, versions: all, pin: true}]", "there are several"),
        ("models", "[{ref: net, load: lazily}]", "start"),
        ("models", "[{ref: net, unload_after: 10m}]", "load: lazy"),
        ("models", "[1.10]", 'in quotes: "1.10"'),
        ("python.version", "3.11", 'in quotes: "3.11"'),
        ("python.version", "3", 'in quotes: "3"'),
        ("python.version", "'3.9'", "too old"),
        ("python.requirements", "torch", "neither a list nor a file"),
        ("python.requirements", "['-r x']", "option of pip"),
        ("python.requirements", "[a, a]", "twice"),
        ("python.requirements", "{a: 1}", "must be a list"),
        ("python.lock", "/etc/passwd", "inside the project"),
        ("python.indexes", "['https://me:pw@host/simple']", "netrc"),
        ("python.indexes", "[3]", "in quotes"),
        ("python.indexes", "[{url: https://h/simple, packages: [a]}]", "needs a name"),
        ("python.extras", "[gpu]", "those of a file"),
        ("python.groups", "[gpu]", "those of a file"),
        ("python.exclude_packages", "['a b']", "not the name"),
        ("python.find_links", "[../wheels]", "leaves the project"),
        ("python.exclude_newer", "2026", "in quotes"),
        ("cuda.flavor", "bse", "Did you mean `base`?"),
        ("cuda.min_driver", "580", 'in quotes: "580"'),
        ("cuda.archs", "[8.0]", 'in quotes: "8.0"'),
        ("image.user", "root", "not the number"),
        ("image.user", "0", "root"),
        ("image.workdir", "/etc", "system"),
        ("image.ports", "[0]", "at least 1"),
        ("image.ports", "['80']", "quotes away"),
        ("image.env", "{A: 1}", 'in quotes: "1"'),
        ("image.env", "{A: true}", 'in quotes: "true"'),
        ("image.env", "[A=1]", "must be a mapping"),
        ("image.env", "{LD_PRELOAD: x}", "changes how"),
        ("image.env", "{PYTHONPATH: x}", "changes how"),
        ("image.env", "{PATH: x}", "changes how"),
        ("image.env", "{BUNDLE_TRUST: x}", "trusted"),
        ("image.env", "{DB_PASSWORD: correct-horse}", "docker run -e DB_PASSWORD"),
        ("image.env", "{KEY_ID: AKIAIOSFODNN7EXAMPLE}", "AWS"),
        ("image.env", '{A: "x\\nRUN id"}', "one line"),
        ("image.labels", '{a: "x\\ny"}', "one line"),
        ("system.packages", "['curl; id']", "not the name"),
        ("system.run", '["a\\nb"]', "one line"),
        ("system.run", "[{command: a, secrets: [TOKEN]}]", "BuildKit"),
        ("system.run", "[[a]]", "must be a mapping"),
        ("security.pickle", "allowed", "allow"),
        ("security.allow_globals", "[a.b]", "allow-listed"),
    ],
)
def test_what_does_not_fit_is_refused(refuse_value, key, value, word):
    refuse_value(key, value, word)


def test_a_digest_needs_a_name_of_its_own(read):
    (model,) = read(f"models: [{{ref: {DIGEST}, as: net}}]\n").models
    assert (model.alias, model.tag.digest) == ("net", DIGEST)


def test_an_alias_of_the_store_is_a_label(read):
    """But `latest` says nothing that no alias would not say."""
    models = read("models: [iris@prod, {ref: wine, as: w}, 'rose:1']\n").models
    assert [model.label for model in models] == ["prod", None, None]


def test_a_word_like_token_that_is_a_number_is_no_secret(read):
    env = read('image: {env: {MAX_TOKEN: "512", TOKENIZERS_PARALLELISM: "false"}}\n').image.env
    assert env == {"MAX_TOKEN": "512", "TOKENIZERS_PARALLELISM": "false"}


def test_requirements_are_a_list_or_a_file(read):
    assert (
        read("python: {requirements: requirements.txt}\n").python.requirements == "requirements.txt"
    )
    assert read("python: {requirements: [a>=1]}\n").python.requirements == ("a>=1",)


def test_a_user_may_be_written_as_a_number(read):
    assert read("image: {user: 1000}\n").image.user == "1000"


def test_two_bad_names_of_variables_are_two_problems_at_their_keys(refuse):
    error = refuse("image:\n  env:\n    A B: x\n    C=D: y\n")
    assert [(p.line, p.column) for p in error.problems] == [(3, 5), (4, 5)]


def test_an_index_is_told_from_others_and_binds_a_package_once(read, refuse):
    two = (
        "{url: https://a/s, name: a, packages: [x_y]}, {url: https://b/s, name: %s, packages: [%s]}"
    )
    head = "name: x\nmodels: [m]\n"
    found = read(head + f"python: {{indexes: [https://c/s, {two % ('b', 'z')}]}}\n").python.indexes
    assert [(index.name, index.packages) for index in found] == [
        (None, ()), ("a", ("x_y",)), ("b", ("z",)),
    ]  # fmt: skip
    secret = "name: x\nmodels: [m]\npython: {indexes: [{url: 'https://u:p@h/s', name: a}]}\n"
    assert "holds a user name or a password" in str(refuse(secret))
    assert "Two indexes" in str(refuse(f"python: {{indexes: [{two % ('A', 'z')}]}}\n"))
    assert "bound to `a` already" in str(refuse(f"python: {{indexes: [{two % ('b', 'X.Y')}]}}\n"))


def test_one_bundlefile_may_have_several_accelerators(read, refuse):
    head = "name: x\nmodels: [m]\n"
    assert read(head).accelerators == ("auto",)
    assert read(head + "accelerator: [cuda, cpu]\n").accelerators == ("cuda", "cpu")
    assert "must name an accelerator" in str(refuse("accelerator: []\n"))
    assert "Did you mean `cuda`?" in refuse("accelerator: gpu\n").hint
    assert "appears twice" in str(refuse("accelerator: [cpu, cpu]\n"))


@pytest.mark.parametrize(
    ("bundlefile", "told"),
    [
        ("image: {env: {DB_URL: 'postgres://me:s3cr3t-x@db/x'}}", "an address with a password"),
        ("image: {labels: {note: 'https://me:s3cr3t-x@host'}}", "an address with a password"),
        ("labels: {note: 'redis://:s3cr3t-x@host'}", "an address with a password"),
        ("labels: {note: 's3cr3t-x -----BEGIN PRIVATE KEY-----'}", "a private key"),
        ("labels: {auth: 'Bearer s3cr3t-x.of.somebody'}", "a token of an HTTP header"),
        ("labels: {auth: 'Authorization: Basic bWU6s3cr3t-xbWU6cHc='}", "a token of an HTTP"),
        ("labels: {jwt: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.s3cr3t-x}", "a token of an HTTP"),
        ("image: {labels: {com.example.api-key: s3cr3t-x}}", "a secret"),
        ("image: {base: 'me:s3cr3t-x@registry.example.com/x:1'}", r"\*\*\*@registry"),
        ("python: {requirements: ['a @ git+https://s3cr3t-x@host/a.git']}", r"\*\*\*@host"),
        ("python: {requirements: ['a @ https://host/a.whl?X-Sig=s3cr3t-x']}", "holds a token"),
        ("python: {indexes: ['https://host/simple/?token=s3cr3t-x']}", "holds a token"),
    ],
)
def test_a_secret_in_a_value_is_refused_and_not_repeated(refuse, bundlefile, told):
    error = refuse(f"name: x\nmodels: [m]\n{bundlefile}\n")
    assert re.search(told, str(error))
    assert "s3cr3t" not in f"{error} {error.hint}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", "Basic classification of irises, 150 rows"),
        ("note", "the bearer of this title"),
        ("max_token", "8192"),
        ("tokens", "eyJ is how a token begins"),
    ],
)
def test_words_that_secrets_begin_with_are_none(read, name, value):
    labels = read(f"name: x\nmodels: [m]\nlabels: {{{name}: '{value}'}}\n").labels
    assert labels == {name: value}


@pytest.mark.parametrize(
    "value", ["postgres://db/x", "postgres://me@db/x", "http://a/b:c@d", "a:b@c"]
)
def test_an_address_without_a_password_is_no_secret(read, value):
    assert read(f"image: {{env: {{DB: '{value}'}}}}\n").image.env == {"DB": value}
