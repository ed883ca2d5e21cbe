import sys

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.services.service_class import ServiceClass, forget, import_roots

GOOD = """
import modelbundle as mb

@mb.service
class Fraud:
    @mb.api
    def predict(self, n: int) -> int:
        return n

class Plain: ...
"""


@pytest.fixture
def project(tmp_path):
    yield tmp_path
    forget(tmp_path)


def fails(project, target):
    with pytest.raises(BundleError) as raised:
        ServiceClass.load(target, project)
    assert "\n" not in str(raised.value)
    return f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("fraud_service:Frod", "Did you mean `fraud_service:Fraud`?"),
        ("fraud_service:Plain", "`Plain` is not a service."),
        ("other_service:Fraud", "There is no module `other_service` in the project."),
    ],
)
def test_a_wrong_target_says_what_is_there(project, target, message):
    (project / "fraud_service.py").write_text(GOOD)
    assert message in fails(project, target)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_library", "`broken_a` imports `no_such_library`, which is not installed"),
        (
            "1 / 0",
            "broken_a.py:1: Importing `broken_a` failed: ZeroDivisionError: division by zero.",
        ),
        ("def f(:", "Importing `broken_a` failed: SyntaxError:"),
        ("import sys; sys.exit(3)", "Importing `broken_a` failed: SystemExit: 3."),
        (
            "import ctypes; ctypes.CDLL('libnowhere.so.1')",
            "the package of your system that has `libn",
        ),
    ],
)
def test_an_import_that_fails_is_one_line(project, source, message):
    (project / "broken_a.py").write_text(source)
    assert message in fails(project, "broken_a:Fraud")


def test_an_import_that_fails_within_pythons_own_code_is_told_with_the_authors_line(
    project, monkeypatch
):
    """`<frozen os>` is no file of the project, although the server was started there."""
    monkeypatch.chdir(project)
    (project / "keyed_service.py").write_text('import os\n\nos.environ["NO_SUCH_KEY"]\n')
    assert "keyed_service.py:3: " in fails(project, "keyed_service:Sample")


def test_a_module_hidden_by_another_of_that_name_is_found_out(project):
    (project / "queue.py").write_text(GOOD)
    assert "`queue` is also the name of another module" in fails(project, "queue:Fraud")


def test_src_folders_and_packages_are_import_roots(project):
    package = project / "src" / "fraud_pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "core.py").write_text(GOOD)
    assert import_roots(project) == [project, project / "src"]
    service = ServiceClass.load("fraud_pkg.core:Fraud", project)
    assert [route.path for route in service.routes] == ["/predict"]
    forget(project)
    assert not {str(project), str(project / "src")} & set(sys.path)
    assert "fraud_pkg.core" not in sys.modules


def test_a_route_of_the_bundle_without_an_api_is_an_error(project):
    (project / "fraud_routes.py").write_text(GOOD)
    service = ServiceClass.load("fraud_routes:Fraud", project)
    with pytest.raises(BundleError, match="no API `predicts`") as raised:
        service.completed(Route("/predicts", "predicts", service="Fraud"))
    assert raised.value.hint == "Did you mean `predict`?"


def test_an_api_without_a_route_is_told_and_one_that_its_decorator_hides(project, caplog):
    (project / "fraud_more.py").write_text(
        f"{GOOD}\nFraud.more = mb.api(lambda self: 1)\nFraud.less = lambda self: 1\n"
    )
    service = ServiceClass.load("fraud_more:Fraud", project)
    service.warn_of_others([Route("/predict", "predict", service="Fraud")])
    assert [each.message.partition(":")[0] for each in caplog.records] == [
        "`Fraud.more` is an API without a route"
    ]
    with pytest.raises(BundleError, match="no API `less`") as raised:
        service.completed(Route("/less", "less", service="Fraud"))
    assert raised.value.hint == "Write `@api` above the other decorators of `less`."


def test_a_route_of_the_bundle_keeps_what_the_bundle_says_of_it(project):
    (project / "fraud_kept.py").write_text(GOOD)
    service = ServiceClass.load("fraud_kept:Fraud", project)
    made = service.completed(Route("/v1/predict", "predict", service="Fraud", latency_budget=0.1))
    assert (made.path, made.latency_budget, made.batchable) == ("/v1/predict", 0.1, False)
    assert made.input["schema"]["properties"] == {"n": {"type": "integer"}}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("def a(self, *args): ...", "takes `*args`, which no request can fill"),
        ("def a(self, x: 'Missing'): ...", "annotations of `Sample.a` cannot be read"),
    ],
)
def test_a_method_that_no_request_could_call_is_an_error(project, method, message):
    name = f"odd_{len(message)}"
    source = f"import modelbundle as mb\n@mb.service\nclass Sample:\n    @mb.api\n    {method}\n"
    (project / f"{name}.py").write_text(source)
    assert message in fails(project, f"{name}:Sample")


def test_a_decorator_that_hides_the_signature_is_told(project):
    (project / "hidden_a.py").write_text(
        """
import modelbundle as mb

def hiding(function):
    def inner(*given, **named): return function(*given, **named)
    return inner

@mb.service
class Fraud:
    @mb.api
    @hiding
    def score(self, x: int) -> int: return x
"""
    )
    with pytest.raises(BundleError, match="which no request can fill") as told:
        ServiceClass.load("hidden_a:Fraud", project)
    assert "functools.wraps" in told.value.hint
    forget(project)


def test_a_record_that_cannot_be_read_is_an_error_as_an_argument_and_any_json_as_an_answer(project):
    """Records of other packages often name what only type checkers import."""
    source = "import modelbundle as mb\nfrom dataclasses import dataclass\n@dataclass\n"
    source += (
        "class Row:\n    x: 'Missing'\n@mb.service\nclass Sample:\n    @mb.api\n    def a(self"
    )
    (project / "row_taken.py").write_text(f"{source}, x: Row): ...\n")
    (project / "row_given.py").write_text(f"{source}) -> Row: ...\n")

    assert "The annotations of `Row` cannot be read" in fails(project, "row_taken:Sample")
    (route,) = ServiceClass.load("row_given:Sample", project).routes
    assert route.output["schema"] == {}
