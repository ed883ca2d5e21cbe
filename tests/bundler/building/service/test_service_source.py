import textwrap

import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.bundler.errors import BuildError

HEAD = "import modelbundle as mb\nimport numpy as np\n"


def project(tmp_path, source, name="service.py"):
    (tmp_path / name).write_text(HEAD + textwrap.dedent(source))
    return tmp_path


def fails(root, target="service:Fraud"):
    with pytest.raises(BuildError) as raised:
        read_service(root, target)
    return f"{raised.value} | {raised.value.hint}"


GOOD = """
    from sklearn.base import clone
    import helpers

    @mb.service
    class Fraud:
        '''Finds fraud.'''
        def __init__(self):
            self.net = mb.model("fraud_net")
            self.other = mb.model("other")
            self.again = mb.model("fraud_net")
        @mb.api(batchable=True, max_batch_size=8, latency_budget="25ms")
        def predict(self, rows: np.ndarray) -> np.ndarray: ...
"""


def test_routes_models_and_imports_are_read_without_running_anything(tmp_path):
    root = project(tmp_path, GOOD + "    raise SystemExit\n")
    (root / "helpers.py").write_text(
        "import json, requests, yaml.nodes\nfrom modelbundle import model as get\n"
        "from typing import TYPE_CHECKING\n"
        "try:\n    import ujson\nexcept ImportError:\n    ujson = None\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "def f():\n    import torch\n    return get('hidden')\n"
        "def g(get):\n    return get(1)\n"
    )
    source = read_service(root, "service:Fraud")
    assert source.models == ("fraud_net", "other", "hidden")
    assert source.imports == {"numpy", "sklearn", "requests", "yaml", "torch"}
    (route,) = source.routes
    assert (route.path, route.service) == ("/predict", "Fraud")
    assert (route.max_batch_size, route.latency_budget, route.batchable) == (8, 0.025, True)


def test_a_sum_of_two_thousand_terms_is_python_like_any_other(tmp_path):
    root = project(tmp_path, GOOD.replace("import helpers", "TEXT = " + " + ".join(["'a'"] * 2000)))
    assert read_service(root, "service:Fraud").models == ("fraud_net", "other")


@pytest.mark.parametrize(
    "imports",
    [
        "from modelbundle import service, api",
        "from modelbundle import service as service, api as api",
        "import modelbundle\nservice = modelbundle.service\napi = modelbundle.api",
        "from modelbundle.runtime.services.service import *\nfrom modelbundle import service, api",
    ],
)
def test_decorators_are_known_through_any_import(tmp_path, imports):
    body = "\n@service\nclass Fraud:\n    @api\n    def predict(self): ...\n"
    (tmp_path / "service.py").write_text(imports + body)
    assert [route.path for route in read_service(tmp_path, "service:Fraud").routes] == ["/predict"]


def test_a_service_may_live_in_a_src_folder_or_be_imported_from_another_file(tmp_path):
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .fraud import Fraud\n")
    (package / "fraud.py").write_text(HEAD + textwrap.dedent(GOOD).replace("import helpers", ""))
    assert read_service(tmp_path, "shop:Fraud").models == ("fraud_net", "other")
    assert read_service(tmp_path, "shop.fraud:Fraud").imports == {"numpy", "sklearn"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("servise:Fraud", "There is no `servise.py`"),
        ("servise:Fraud", "Did you mean `service`?"),
        ("service:Frod", "service.py:1: there is no class `Frod`. | Did you mean `service:Fraud`?"),
        ("json:Fraud", "Python has a module `json` of its own. | Rename the file"),
        ("service:np", "`np` is not a class of this project."),
    ],
)
def test_a_wrong_target_names_the_nearest(tmp_path, target, message):
    assert message in fails(project(tmp_path, GOOD.replace("import helpers", "")), target)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "service.py:3: "),
        (
            "class Fraud: ...",
            "service.py:3: `Fraud` is not a service. | Write `@modelbundle.service`",
        ),
        ("@mb.service\nclass Fraud: ...", "service.py:4: `Fraud` has no API."),
        ("@mb.service(x=1)\nclass Fraud: ...", "service.py:3: `@service` takes no options."),
    ],
)
def test_a_class_that_is_no_service_is_an_error_with_its_line(tmp_path, source, message):
    assert message in fails(project(tmp_path, source))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("@mb.api(route='/x/')\ndef a(self): ...", ":5: `/x/` is not a route."),
        ("@mb.api(route='x')\ndef a(self): ...", "`x` is not a route."),
        ("@mb.api(route=make())\ndef a(self): ...", ":5: `route` of `@api` is not a literal."),
        ("@mb.api('x')\ndef a(self): ...", "takes its options by name"),
        ("@mb.api(rout='/x')\ndef a(self): ...", ":5: `@api` has no option `rout`."),
        ("@mb.api(batchable=True, latency_budget='soon')\ndef a(self): ...", "is not a duration"),
        ("@mb.api(max_batch_size=8)\ndef a(self): ...", "are for APIs with `batchable=True`"),
        (
            "@mb.api(route='/livez')\ndef a(self): ...",
            "cannot be at `/livez`: the server answers there",
        ),
        ("@mb.api\ndef metrics(self): ...", "`metrics` cannot be at `/metrics`"),
        (
            "@mb.api\ndef a(self): ...\n@mb.api(route='/a')\ndef b(self): ...",
            ":8: `b` and `a` are both at `/a`.",
        ),
        ("@mb.api\ndef _a(self): ...", ":6: `_a` is private and an API."),
        ("@mb.api\n@staticmethod\ndef a(x): ...", "`a` is a staticmethod"),
        ("@mb.api\ndef a(): ...", "`a` has no `self`."),
        ("@mb.api\ndef a(self, *xs): ...", ":6: `a` takes `xs`, which no request can fill."),
        ("@mb.api\ndef a(self, x: Itm): ...", ":6: `Itm` is not defined. | Did you mean `Item`?"),
        ("@mb.api\ndef a(self, x: 'list[Nope]'): ...", ":6: `Nope` is not defined."),
        ("@mb.api(batchable=True)\ndef a(self, x: int) -> int: ...", "Write `x: list[...]`"),
        ("@mb.api(batchable=True)\ndef a(self, x: list, y): ...", "takes one parameter"),
        ("@mb.api(batchable=True)\ndef a(self, x: list) -> int: ...", "to return one value"),
        ("@mb.api(batchable=True)\ndef a(self, x: list):\n    yield 1", "is batchable and streams"),
        (
            "@mb.api\ndef a(self, x: Array): ...",
            "`Array(...)` takes a dtype and a shape as literals",
        ),
        (
            "if True:\n    @mb.api\n    def a(self): ...",
            ":6: this makes an API, but `@api` is not directly on a method of the class",
        ),
        ("a = mb.api(lambda self: 1)", ":5: this makes an API"),
        ("@mb.api(route=R)\ndef a(self): ...", ":9: `route` of `@api` is not a literal."),
        ("@mb.api(route=S)\ndef a(self): ...", ":10: `route` of `@api` is not a literal."),
        (
            "@mb.api\ndef a(self): return mb.model(name)",
            ":6: the name in `model(...)` is not a literal",
        ),
        (
            "@mb.api\ndef a(self): return mb.model()",
            ":6: the name in `model(...)` is not a literal",
        ),
    ],
)
def test_an_api_that_would_not_work_is_an_error_with_its_line(tmp_path, method, message):
    head = """class Item: ...\nfrom typing import Annotated\n"""
    source = "@mb.service\nclass Fraud:\n" + textwrap.indent(method, "    ")
    if "Array" in method:
        source = head + 'Array = Annotated[np.ndarray, mb.Array("float99")]\n' + source
    elif "=R" in method:
        source = 'if __name__:\n    R = "/a"\nelse:\n    R = "/b"\n' + source
    elif "=S" in method:
        source = 'S = "/a"\n\n\n\nS += "/b"\n' + source
    elif "Itm" in method:
        source += "\nclass Item: ...\n"
    assert message in fails(project(tmp_path, source))


MAKERS = """
from functools import partial
def exposed(function):
    return mb.api(route="/x")(function)
def at(api, route="/x"):
    def inner(function):
        from modelbundle import api as make
        return make(function)
    return inner
def mixin():
    class Mixin:
        @mb.api
        def a(self): ...
    return Mixin
def timed(api):
    return wrapped(api)
def wrapped(function):
    return TABLE["wrapped"](function)
TABLE = {"wrapped": exposed}
fast = partial(mb.api, batchable=True)
brief = lambda function: mb.api(function)
BASES = (mixin(), object)
class Meta(type):
    def __new__(cls, name, bases, body):
        return type.__new__(cls, name, bases, {"a": mb.api(lambda self: 1)})
class Shop:
    @mb.api
    def sell(self): ...
    @mb.api
    def back(self): ...
Base = Shop
class Plain: ...
class Tools:
    make = mb.api
class Both(Tools, Shop): ...
"""


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("class Fraud:\n    @exposed\n    def a(self): ...", 5),
        ("class Fraud:\n    @at('/x')\n    def a(self): ...", 5),
        ("class Fraud:\n    @fast()\n    def a(self, rows: list) -> list: ...", 5),
        ("class Fraud:\n    @brief\n    def a(self): ...", 5),
        ("class Fraud(Shop):\n    @Shop.back\n    def a(self): ...", 5),
        ("class Fraud(Shop):\n    b = Shop.sell", 5),
        ("class Fraud(Shop):\n    b = Both.sell", 5),
        ("class Fraud(Shop):\n    @Both.make\n    def a(self): ...", 5),
        ("class Fraud:\n    @mb.api\n    def a(self): ...\n    b = a", 7),
        ("class Fraud:\n    @mb.api\n    def a(self): ...\n    a = timed(a)", 7),
        ("class Fraud:\n    if True:\n        b = exposed(lambda self: 1)", 6),
        ("class Fraud(Shop):\n    def a(self): ...\n    exposed(a)", 6),
        ("class Fraud(mixin()): ...", 4),
        ("class Fraud(BASES[0]): ...", 4),
        ("class Fraud(*BASES): ...", 4),
        ("class Fraud(Shop if True else Plain): ...", 4),
        ("class Fraud(Plain, metaclass=Meta): ...", 4),
        ("@exposed\nclass Fraud(Shop): ...", 4),
        ("class Fraud(Shop): ...\nFraud.b = mb.api(lambda self: 1)", 5),
        ("class Fraud(Shop): ...\nFraud = exposed(Fraud)", 5),
    ],
)
def test_an_api_that_only_running_the_code_makes_is_refused(tmp_path, source, line):
    """The server would know it; without a word the bundle had no route for it."""
    message = fails(project(tmp_path, f"@mb.service\n{source}\n{MAKERS}"))
    assert f"service.py:{line}: this makes an API, but `@api` is not directly on" in message


def test_what_makes_no_api_is_read_as_before_and_a_base_may_have_two_names(tmp_path):
    source = """
        @mb.service
        @dataclass
        class Fraud(Base, Generic[str], named("Base", "x"), metaclass=ABCMeta):
            TABLE = {"own": own}
            size = property(timed_only)
            own.__doc__ = "Its own."
            print(own)
            @timed_only
            def plain(self): ...
            @mb.api
            @timed_only
            def own(self): ...
            @size.setter
            def size(self, value): ...
        Fraud.__doc__ = ""
        def timed_only(api):
            return api(api)
        from abc import ABCMeta
        from collections import namedtuple as named
        from dataclasses import dataclass
        from typing import Generic
    """
    found = read_service(project(tmp_path, textwrap.dedent(source) + MAKERS), "service:Fraud")
    assert {route.path for route in found.routes} == {"/sell", "/back", "/own"}


def test_of_two_bindings_the_last_counts_and_stars_are_followed(tmp_path):
    """As Python itself has it: a name that is taken from a method is no API any more."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").write_text("from .base import *\nfrom typing import *\n")
    (tmp_path / "pkg" / "base.py").write_text(
        "from modelbundle import *\nclass Base:\n    @api\n    def inherited(self): ...\n"
        "    @api\n    def hidden(self): ...\n    @api\n    def kept(self): ...\n"
    )
    source = """
        from pkg import *
        fast = mb.api(batchable=True, max_batch_size=8)
        PATH = "/first"
        PATH = "/last"
        PATHS = [PATH for PATH in "ab"]
        @mb.service
        class Fraud: ...
        @mb.service
        class Fraud(Base):
            hidden = None
            kept: Any
            last: Any
            if Any:
                gone = 1
            @api
            def gone(self): ...
            del gone
            @fast
            def rows(self, rows: np.ndarray) -> np.ndarray: ...
            @mb.api(route=PATH)
            def last(self): ...
        Fraud.more = 1
        Fraud = traced(Fraud)
        from modelbundle import model
        model = model("net")
    """
    found = read_service(project(tmp_path, source), "service:Fraud")
    assert found.models == ("net",)
    assert {route.path: route.max_batch_size for route in found.routes} == {
        "/inherited": None,
        "/kept": None,
        "/rows": 8,
        "/last": None,
    }


def test_a_name_for_type_checkers_alone_is_an_error_where_the_server_needs_it(tmp_path):
    source = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import pandas as pd
        @mb.service
        class Fraud:
            @mb.api
            def a(self, frame: "pd.DataFrame"): ...
    """
    message = fails(project(tmp_path, source))
    assert "service.py:10: `pd` is imported under TYPE_CHECKING only" in message


def test_an_error_in_another_file_names_that_file(tmp_path):
    root = project(tmp_path, GOOD)
    (root / "helpers.py").write_text("x = 1\ndef f(:\n")
    assert "helpers.py:2: " in fails(root)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a = 1\x00", b"(" * 5000])
def test_files_that_are_not_python_are_errors_and_nothing_worse(tmp_path, data):
    (tmp_path / "service.py").write_bytes(data)
    assert "service.py:1: " in fails(tmp_path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def x(rows: np.ndarray) -> int: ...", "service.py:6: `x` has no `self`."),
        (
            "def x(self) -> int: ...\n    def __init__(self, path, *, size=1): ...",
            "service.py:7: `__init__` takes `path`, and the server has nothing to give it.",
        ),
        (
            "def x(self) -> int: ...\n    def __init__(self, a=1, *, size): ...",
            "service.py:7: `__init__` takes `size`",
        ),
        (
            "def x(self) -> int: ...\n    async def __init__(self): ...",
            "service.py:7: `__init__` cannot be async.",
        ),
    ],
)
def test_what_the_server_could_not_call_is_found_without_running_it(tmp_path, body, said):
    source = f"@mb.service\nclass Fraud:\n    @mb.api\n    {body}\n"
    assert said in fails(project(tmp_path, source))


def test_an_init_of_a_base_counts_and_defaults_are_enough(tmp_path):
    source = """
        class Base:
            def __init__(self, path): ...

        @mb.service
        class Fraud(Base):
            @mb.api
            def x(self) -> int: ...
    """
    assert "`__init__` takes `path`" in fails(project(tmp_path, source))
    (tmp_path / "service.py").write_text(
        (tmp_path / "service.py").read_text().replace("path", "path=None, *more, **named")
    )
    assert [route.path for route in read_service(tmp_path, "service:Fraud").routes] == ["/x"]


def test_a_module_called_as_we_are_is_told_before_it_hides_us(tmp_path):
    root = project(tmp_path, GOOD)
    (root / "modelbundle.py").touch()

    assert "is called `modelbundle`: it would hide this package." in fails(root)


def test_a_parameter_for_headers_is_known_and_is_no_part_of_the_body(tmp_path):
    source = """
        @mb.service
        class Fraud:
            @mb.api
            def who(self, text: str, headers: mb.Headers) -> str: ...

            @mb.api
            def quoted(self, headers: "mb.Headers") -> str: ...

            @mb.api
            def none(self, headers: dict) -> str: ...
    """
    who, quoted, none = read_service(project(tmp_path, source), "service:Fraud").routes

    assert who.input["headers"] is True
    assert list(who.input["schema"]["properties"]) == ["text"]
    assert quoted.input["headers"] is True
    assert quoted.input["schema"]["properties"] == {}
    assert "headers" not in none.input
    batched = "@mb.service\nclass Fraud:\n    @mb.api(batchable=True)\n    def x(self, rows: list[int], h: mb.Headers) -> list[int]: ..."
    assert "`x` is batchable and gets headers; rows of many requests have none." in fails(
        project(tmp_path, batched)
    )


@pytest.mark.parametrize(
    "kind", [" | ".join(["int"] * 900), f'"{"-" * 9000}1"'], ids=["union", "text"]
)
def test_types_that_are_nested_too_deeply_are_told(tmp_path, kind):
    (tmp_path / "service.py").write_text(
        "import modelbundle as mb\n@mb.service\nclass S:\n    @mb.api\n"
        f"    def f(self, x: {kind}) -> int:\n        return 1\n"
    )
    with pytest.raises(BuildError, match=r"`service:S` cannot be read: .* nested too deeply"):
        read_service(tmp_path, "service:S")
