"""The bundlefile as a whole."""

import resource
import subprocess
import sys

import pytest

from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.project.bundlefile import Bundlefile
from modelbundle.runtime.manifests.settings import ServeSettings

FULL = """\
schema: 1
name: fraud
version: "1.4.0"
description: Scores payments.
labels: {team: risk, org.opencontainers.image.vendor: Example}
service: service:Fraud
models:
  - fraud_net:latest
  - {ref: fraud_xgb@champion, as: ranker, pin: true}
  - ref: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    as: third
include: ["**/*.py", data/]
exclude: [tests/]
python:
  version: "3.12"
  requirements: [torch==2.13.*, xgboost, "scikit-learn>=1.4,<2; python_version > '3.10'"]
  lock: locks/bundle.lock
  indexes: [https://pypi.example.com/simple]
  find_links: [wheels]
  exclude_newer: 2026-08-01
  allow_source: [some-package]
accelerator: cuda==13.0
cuda: {flavor: cudnn-runtime, min_driver: "580.65.06", archs: ["8.0", 12.0+PTX]}
platforms: [linux/amd64, linux/arm64]
image:
  base: nvcr.io/nvidia/cuda:13.0.1-base-ubuntu24.04
  user: 1000:1000
  workdir: /srv/fraud
  env: {OMP_NUM_THREADS: "4", GREETING: 'a "b" $c `d` \\e'}
  ports: [8080, 9090]
  labels: {tier: gold}
system: {packages: [libgomp1, "curl=7.88.1-10+deb12u5"], run: [ldconfig, {command: "true"}]}
serve:
  host: 0.0.0.0
  port: 8000
  workers: 2
  timeout: 2m
  max_body: 1 GB
  max_rows: 100
  drain_timeout: 0s
  log: warning
  access_log: false
  warmup: 32
  nan: null
  batch: {max_batch_size: 16, latency_budget: 25ms, axis: 0}
  apis:
    predict: {route: /v1/score, batch: {max_batch_size: 8, latency_budget: 1.5ms}}
    ranker.predict: {batch: {latency_budget: 0s}}
  queue: {max_rows: 10, max_bytes: 1MiB}
  limits: {max_headers: 20, max_header_bytes: 8KiB, keep_alive: 1s, receive_timeout: 3s, max_in_flight: 2GiB}
test: auto
security: {pickle: allow-listed, allow_globals: [sklearn.svm.SVC, 'numpy.*']}
weights: baked
"""


def test_two_lines_are_a_complete_bundlefile(read):
    bundlefile = read("name: iris\nmodels: [iris]\n")
    (model,) = bundlefile.models
    assert (model.ref, model.alias, model.pin) == ("iris", "iris", False)
    assert bundlefile.include == ("**/*.py",)
    assert bundlefile.version is None
    assert bundlefile.image.user == "65532"


def test_every_key_is_read(read):
    bundlefile = read(FULL)
    assert [model.alias for model in bundlefile.models] == ["fraud_net", "ranker", "third"]
    assert str(bundlefile.models[1].tag) == "fraud_xgb@champion"
    assert bundlefile.python.exclude_newer == "2026-08-01"
    assert bundlefile.image.env["GREETING"] == 'a "b" $c `d` \\e'
    assert [run.command for run in bundlefile.system.run] == ["ldconfig", "true"]
    assert bundlefile.serve.apis["predict"].route == "/v1/score"
    assert bundlefile.serve.apis["predict"].batch.latency_budget == 0.0015
    assert bundlefile.serve.nan == "null"


def test_a_service_needs_no_models(read):
    assert read("name: echo\nservice: echo:Echo\nmodels: []\n").models == ()


def test_the_server_reads_the_settings_of_a_bundlefile(read):
    settings = ServeSettings.from_json(read(FULL).serve_settings())
    assert (settings.timeout, settings.max_body, settings.warmup) == (120.0, 10**9, 32)
    assert (settings.batch.max_batch_size, settings.batch.latency_budget) == (16, 0.025)
    assert settings.limits.max_header_bytes == 8192


def test_an_empty_section_has_the_defaults_of_the_server(read):
    assert ServeSettings.from_json(read("serve: {}\n").serve_settings()) == ServeSettings()


def test_all_problems_are_told_at_once_in_the_order_of_the_file(refuse):
    error = refuse(
        "name: Fraud\n"
        "versoin: 3\n"
        "models: [hf://a/b, ./x, {ref: net, ass: b}]\n"
        "service: service.Fraud\n"
        "python: {version: 3.10}\n"
        "accelerator: gpu\n"
        "labels: {a: 1.10}\n"
        "serve: {batch: {max_size: 64, latency_budget: 25}, port: '80', log: inf}\n"
        "weights: artifact\n"
    )
    assert [(p.line, p.column, p.where) for p in error.problems] == [
        (1, 7, "name"),
        (2, 1, "versoin"),
        (3, 10, "models[0]"),
        (3, 20, "models[1]"),
        (3, 36, "models[2].ass"),
        (4, 10, "service"),
        (5, 19, "python.version"),
        (6, 14, "accelerator"),
        (7, 13, "labels.a"),
        (8, 17, "serve.batch.max_size"),
        (8, 47, "serve.batch.latency_budget"),
        (8, 58, "serve.port"),
        (8, 69, "serve.log"),
        (9, 10, "weights"),
    ]
    hints = {problem.where: problem.hint for problem in error.problems}
    assert hints["versoin"] == "Did you mean `version`?"
    assert hints["models[2].ass"] == "Did you mean `as`?"
    assert hints["python.version"] == 'Write it in quotes: "3.10".'
    assert hints["serve.batch.max_size"] == "This is `max_batch_size` here."
    assert hints["serve.log"] == "Did you mean `info`?"
    assert error.exit_code == 3


def test_what_is_wrong_as_yaml_is_not_told_a_second_time(refuse):
    error = refuse("python: {version: &v 1, lock: 0x1f}\nserve: !!map {port: 1}\n")
    assert [p.where for p in error.problems] == ["python.version", "python.lock", "serve"]


def test_a_key_without_a_value_is_refused(refuse):
    error = refuse("version:\nserve:\n  port:\n  nan:\nimage: {env: {A: }}\ninclude: [~]\n")
    assert [str(p).partition(" ")[2] for p in error.problems] == [
        "version: is empty.", "serve.port: is empty.", "image.env.A: is empty.", "include[0]: is empty.",
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "word"), [("", "empty"), ("# a\n", "empty"), ("[a]", "mapping")])
def test_a_file_without_a_mapping_is_told_what_to_write(tmp_path, text, word):
    path = tmp_path / "bundlefile.yaml"
    path.write_text(text)
    with pytest.raises(BundlefileError, match=word) as caught:
        Bundlefile.read(path)
    assert "name: NAME" in caught.value.hint


def test_without_models_and_service_there_is_nothing_to_serve(tmp_path):
    path = tmp_path / "bundlefile.yaml"
    path.write_text("name: iris\n")
    with pytest.raises(BundlefileError, match="models: is required"):
        Bundlefile.read(path)
    path.write_text("name: iris\nmodels: []\n")
    with pytest.raises(BundlefileError, match=":2:9: models: is required"):
        Bundlefile.read(path)


def test_two_models_need_two_names(refuse):
    for models in ("[net:1, net:2]", "[net, {ref: other, as: Net}]"):
        (problem,) = refuse(f"models: {models}\n").problems
        assert problem.where.startswith("models[1]")
        assert "Two models" in problem.message


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("schema", "2", "not one of"),
        ("schema", "true", "not one of"),
        ("cuda", "{flavor: base}\naccelerator: cpu", "no meaning"),
        ("platforms", "[]", "must name"),
        ("platforms", "[linux/amd64, linux/amd64]", "twice"),
        ("platforms", "[windows/amd64]", "not one of"),
        ("platforms", "linux/amd64", "must be a list"),
        ("models", "net", "must be a list"),
        ("models", "{ref: net}", "must be a list"),
        ("models", "[[net]]", "must be a mapping"),
        ("models", "[{as: net}]", "required"),
        ("serve", "8080", "must be a mapping"),
        ("serve", "[port]", "must be a mapping"),
        ("labels", "[a]", "must be a mapping"),
        ("description", "true", "in quotes"),
        ("description", "[a]", "must be text"),
        ("weights", "backed", "baked"),
        ("weights", "artifact", "part of the bundle"),
        ("test", "off", "bundle test"),
        ("test", "tests/a.json", "--sample"),
    ],
)
def test_what_does_not_fit_is_refused(refuse_value, key, value, word):
    refuse_value(key, value, word)


def test_a_bundlefile_is_a_value(read):
    bundlefile = read(FULL)
    with pytest.raises(ValueError, match="frozen"):
        bundlefile.name = "other"


def test_each_hint_stands_with_its_problem(tmp_path):
    path = tmp_path / "bundlefile.yaml"
    path.write_text("name: a\nmodels: [iris]\nversoin: 1\ninclud: []\n")
    with pytest.raises(BundlefileError) as caught:
        Bundlefile.read(path)
    lines = str(caught.value).splitlines()
    assert caught.value.hint is None
    assert [line.rpartition(" Did ")[2] for line in lines] == [
        "you mean `version`?",
        "you mean `include`?",
    ]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("name: iris\nmodles: [iris]\n", ["modles"]),
        ("nmae: iris\nmodels: [iris]\n", ["nmae"]),
        ("modles: [iris]\n", ["modles", "name"]),
        ("name: iris\nthings: [iris]\n", ["models", "things"]),
    ],
)
def test_a_misspelt_key_is_not_missed_as_well(tmp_path, text, keys):
    path = tmp_path / "bundlefile.yaml"
    path.write_text(text)
    with pytest.raises(BundlefileError) as caught:
        Bundlefile.read(path)
    assert sorted(problem.where for problem in caught.value.problems) == keys


HOSTILE = (
    "python: {requirements: ['a%s#']}\n" % ("<1 " * 5_000),
    "python: {requirements: ['a%s#']}\n" % (" " * 5_000),
    "python:\n  indexes:\n" + "".join(f"    - https://a{number}\n" for number in range(9_000)),
)


def test_a_hostile_text_is_read_in_little_time(tmp_path):
    """Each took minutes or forever; of the process, the system ends what takes 20 s of CPU."""
    paths = [tmp_path / f"{number}.yaml" for number in range(len(HOSTILE))]
    for path, text in zip(paths, HOSTILE, strict=True):
        path.write_text(f"name: x\nmodels: [x]\n{text}")
    code = (
        "import pathlib, sys\n"
        "from modelbundle.bundler.errors import BundlefileError\n"
        "from modelbundle.bundler.project.bundlefile import Bundlefile\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        print(len(Bundlefile.read(pathlib.Path(name)).python.indexes))\n"
        "    except BundlefileError as error:\n"
        "        print(len(error.problems))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20)),
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, ["1", "1", "9000"]), done.stderr
