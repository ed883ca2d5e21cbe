"""Generated clients: typed, deterministic, and nothing that a server says becomes code."""

import ast
import importlib.util
import json
import os
import socket
import subprocess
import sys

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.client.contract import EXTENSION, Contract
from modelbundle.bundler.client.stub import generate
from modelbundle.bundler.client.wire.failures import ClientError
from modelbundle.runtime.http import openapi
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.plan import Plan

from .conftest import write_models, write_shop


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The stub of each bundle, from its manifest."""
    found = {}
    for name, write in (("models", write_models), ("shop", write_shop)):
        plan = Plan.read(write(tmp_path_factory.mktemp(name)))
        document = openapi.document(plan.manifest, plan.models)
        found[name] = generate(Contract.read(json.dumps(document).encode()))
    return found


def imported(text, directory, name):
    path = directory / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mypy_finds_nothing_in_the_strictest_mode(texts, tmp_path):
    for name, text in texts.items():
        (tmp_path / f"{name}_client.py").write_text(text)
    (tmp_path / "use.py").write_text(
        "import numpy as np\n"
        "import numpy.typing as npt\n"
        "from models_client import Demo\n"
        "from shop_client import Demo as Shop\n"
        "with Demo('http://x') as client:\n"
        "    sums: npt.NDArray[np.float64] = client.predict([[1, 2]])\n"
        "    label: str = client.people([{'age': 1, 'city': 'Oslo'}])[0]['label']\n"
        "    words: npt.NDArray[np.str_] = client.words(np.ones((1, 2)))\n"
        "    client.people([{'age': 'old', 'city': 1}])  # type: ignore[typeddict-item]\n"
        "with Shop('http://x') as shop:\n"
        "    said: str = shop.greet('Ann', times=2, mood='kind')\n"
        "    size: int = shop.size(b'x')\n"
        "    shop.greet(5)  # type: ignore[arg-type]\n"
        "    shop.greet('Ann', mood='angry')  # type: ignore[arg-type]\n"
        "    number: int = next(shop.count(3))\n"
        "    back: bytes = shop.backwards(b'x')\n"
        "    sums_: list[float] = shop.total([[1]])\n"
        "    shop.limited(None)\n"
    )
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir=/dev/null",
        ".",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_it_answers_like_the_server(texts, asked, tmp_path):
    models = imported(texts["models"], tmp_path, f"models_{asked('models')[-5:]}")
    with models.Demo(asked("models")) as client:
        answer = client.predict([[1, 2], [3, 4]])
        assert (answer.dtype, answer.tolist()) == ("float64", [3.0, 7.0])
        assert client.people([{"age": 41, "city": "Oslo"}]) == [{"label": "Oslo!", "score": 20.5}]
        assert client.words(np.ones((2, 2))).tolist() == ["low", "low"]
        assert client.blobs([[7, 1]]) == [b"\7\0"]
        assert client.pairs([{"a": [1, 1], "b": 1}]) == [{"sum": 3.0, "twice": [2.0, 2.0]}]
        for wrong in ([[1]], [["a", "b"]], np.ones((2, 3))):
            with pytest.raises(ValueError, match="expected"):
                client.predict(wrong)
        with pytest.raises(models.ServerError, match="unknown field") as refused:
            client.people([{"age": 1, "town": "x"}])
        assert refused.value.status == 422
        kept = client._idle[0]
        child = os.fork()
        if not child:  # on one connection, two processes read one another's answers
            client.predict([[1, 2]])
            os._exit(kept in client._idle)
        assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(models.ServerError, match="Nobody answers"):
        models.Demo("http://127.0.0.1:1", retries=0).predict([[1, 2]])


def test_an_answer_that_trickles_in_is_late(texts, trickling, tmp_path):
    client = imported(texts["models"], tmp_path, "trickled")
    with pytest.raises(client.ServerError, match="No answer came within"):
        client.Demo(trickling, timeout=0.5, retries=0).predict([[1, 2]])


def test_it_calls_the_methods_of_a_service(texts, asked, tmp_path):
    shop = imported(texts["shop"], tmp_path, f"shop_{asked('shop')[-5:]}")
    with shop.Demo(asked("shop")) as client:
        assert client.greet("Ann", times=2) == "kind Ann kind Ann "
        client._idle[0].sock.shutdown(socket.SHUT_RD)  # as if the server had closed it
        assert client.size(b"\0\xff") == 2
        assert client.backwards(b"\0\xff") == b"\xff\0"
        assert (client.limited(), client.limited(None, None)) == ("10 0.5", "None None")
        assert client.total(np.ones((2, 3))) == [3.0, 3.0]
        assert client.older([{"age": 1}]) == [{"age": 2}]
        assert client.add(1.0, b=2.0) == {"sum": 3.0}
        assert list(client.count(3)) == [0, 1, 2]
        assert b"".join(client.spell("abc")) == b"abc"
        items = client.fail(7)
        assert next(items) == 7
        with pytest.raises(shop.ServerError):
            next(items)
        assert "As often as they like." in shop.Demo.greet.__doc__


def test_what_is_sent_is_what_was_given(texts, asked, tmp_path):
    """300 became 44 where whole numbers have eight bits, and a day a number of nanoseconds."""
    models = imported(texts["models"], tmp_path, "ranged")
    for wrong in ([[300]], np.array([[1 << 63]], "uint64")):
        with pytest.raises(ValueError, match="fit int8"):
            models._rows(wrong, "int8", (None, 1))
    assert models._rows([[-128], [127]], "int8", (None, 1)).endswith(b"\x80\x7f")
    shop = imported(texts["shop"], tmp_path, "timed")
    with shop.Demo(asked("shop")) as client:
        day = np.datetime64("2026-01-02", "ns")
        said = "2026-01-02T00:00:00.000000000"
        assert client.echo([day, np.array([day])])["predictions"] == [said, [said]]


def test_the_server_gives_the_same_contract_as_the_bundle(texts, asked):
    document = httpx.get(
        f"{asked('models')}/openapi.json", timeout=90, trust_env=False, verify=False
    ).content
    assert generate(Contract.read(document)) == texts["models"]


def test_the_same_contract_gives_the_same_text(texts, tmp_path):
    again = openapi.document(Plan.read(write_shop(tmp_path)).manifest, {})
    assert generate(Contract.read(json.dumps(again).encode())) == texts["shop"]


def test_the_first_line_says_a_version_only_where_there_is_one(texts, tmp_path):
    document = openapi.document(Plan.read(write_shop(tmp_path)).manifest, {})
    name = document["info"]["title"]
    assert document["info"]["version"] == "0"
    assert texts["shop"].startswith(f'"Client of {name}, made by')
    document["info"]["version"] = "1.4"
    text = generate(Contract.read(json.dumps(document).encode()))
    assert text.startswith(f'"Client of {name} 1.4, made by')


def hostile(title, path, parameter, doc, enum):
    known = {"takes": "json", "gives": "json", "streaming": False, "idempotent": False}
    schema = {
        "type": "object",
        "properties": {parameter: {"enum": [enum]}, "x": {"type": [enum, "null"]}},
        "required": [parameter],
    }
    rows = {"layout": "columns", "fields": [{"name": parameter, "dtype": "str", "shape": [None]}]}
    table = {
        "layout": "array",
        "fields": [{"name": parameter, "dtype": "float64", "shape": [None, 2]}],
    }

    def operation(more):
        content = {"application/json": {"schema": schema}}
        return {
            "post": {
                "description": doc,
                "requestBody": {"content": content},
                "responses": {"200": {"content": content}},
                EXTENSION: more,
            }
        }

    return {
        "info": {"title": title, "version": doc},
        "paths": {
            path: operation(known),
            path + "2": operation({"inputs": rows, "outputs": rows}),
            path + "3": operation({"inputs": table, "outputs": rows}),
        },
    }


EVIL = [
    '"""\nimport os\nos.abort()\n"""',
    "x'); import os; os.abort() #",
    "\\",
    '\\"""',
    "a\nb\r\nc",
    "def",
    "self",
    "list",
    "close",
    "__init__",
    "\u2028x\x00\x1b[31m\u202e",
    "{}{0}{x}%s",
    "",
    "1",
    "class",
    "Server",
    "kinds",
    "answer",
    "rows",
    "e\u0301",
]


def tokens(text):
    """The statements of a module, but for what stands in strings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return {type(node).__name__ for node in ast.walk(tree)}, [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]


PLAIN = generate(Contract.read(json.dumps(hostile("a", "/b", "c", "d", "e")).encode()))


@given(st.lists(st.sampled_from(EVIL) | st.text(max_size=30), min_size=5, max_size=5))
@settings(max_examples=60, deadline=None)
def test_no_name_breaks_out_of_the_text(words):
    title, path, parameter, doc, enum = words
    document = hostile(title, "/" + path, parameter, doc, enum)
    text = generate(Contract.read(json.dumps(document).encode()))
    text.encode("utf-8")
    kinds, modules = tokens(text)
    assert modules == tokens(PLAIN)[1]
    assert kinds <= tokens(PLAIN)[0] | {"BinOp", "BitOr"}
    names = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    assert len(names) == len(set(names)) == 3
    compile(text, "stub", "exec")


def test_half_a_surrogate_pair_is_no_name_of_a_field():
    with pytest.raises(ClientError):
        Contract.read(json.dumps(hostile("a", "/b", "\ud800", "d", "e")).encode())


def test_hostile_names_run_nothing(tmp_path):
    for number, evil in enumerate(EVIL):
        document = hostile(evil, "/" + evil, evil, evil, evil)
        text = generate(Contract.read(json.dumps(document).encode()))
        module = imported(text, tmp_path, f"evil_{number}")
        assert module.ServerError


def test_every_route_has_a_method_whatever_it_is_called():
    routes = [
        Route(f"/{name}", "m", model="m")
        for name in ("a-b", "a_b", "a.b", "class", "1", "list", "close")
    ]
    known = {
        "inputs": {"layout": "objects", "fields": []},
        "outputs": {"layout": "objects", "fields": []},
    }
    content = {"content": {"application/json": {"schema": {}}}}
    operation = {"post": {"requestBody": content, "responses": {"200": content}, EXTENSION: known}}
    document = {
        "info": {"title": "x", "version": "1"},
        "paths": {route.path: operation for route in routes},
    }
    tree = ast.parse(generate(Contract.read(json.dumps(document).encode())))
    made = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "X")
    methods = [node.name for node in made.body if isinstance(node, ast.FunctionDef)]
    assert methods == ["a_b", "a_b_2", "a_b_3", "class_", "call_1", "list_2", "close_2"]


@pytest.mark.parametrize("evil", [*EVIL, "\ud800", 5, None, [], {}, "f8,f8", "float64[" * 9])
@pytest.mark.parametrize("place", ["dtype", "layout", "shape", "fields"])
def test_a_signature_that_is_none_is_no_contract(evil, place):
    field = {"name": "a", "dtype": "float64", "shape": [None, 2]}
    side = {"layout": "array", "fields": [field]}
    (field if place in field else side)[place] = evil
    content = {"content": {"application/json": {"schema": {}}}}
    operation = {
        "requestBody": content,
        "responses": {"200": content},
        EXTENSION: {"inputs": side, "outputs": side},
    }
    document = {"info": {"title": "x", "version": "1"}, "paths": {"/a": {"post": operation}}}
    with pytest.raises(ClientError, match="not a bundle's server"):
        Contract.read(json.dumps(document).encode())


@pytest.mark.parametrize(
    "schema",
    [
        "x", 5, {"properties": 5}, {"properties": "x"}, {"properties": []}, {"required": 5},
        {"properties": {"a": {}}, "required": [{}]}, {"properties": {"\ud800": {}}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["body", "answer"])
def test_a_schema_that_is_none_is_no_contract(schema, place):
    contents = {
        name: {"content": {"application/json": {"schema": schema if name == place else {}}}}
        for name in ("body", "answer")
    }
    operation = {
        "requestBody": contents["body"],
        "responses": {"200": contents["answer"]},
        EXTENSION: {},
    }
    document = {"info": {"title": "x", "version": "1"}, "paths": {"/a": {"post": operation}}}
    with pytest.raises(ClientError, match="not a bundle's server"):
        Contract.read(json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"info": {"title": "\\ud800"}}'])
def test_what_is_no_document_is_no_contract(body):
    with pytest.raises(ClientError, match="not a bundle's server"):
        Contract.read(body)
