"""ServiceClass: the author's class, imported from `module:Class`, and its APIs."""

import importlib
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BundleError
from ..manifests.route import Route
from ..nearest import did_you_mean, nearest
from ..system import shared_library
from .contract.method import Contract
from .service import ApiOptions, is_service, options_of

log = logging.getLogger(__name__)

_PACKAGES = frozenset(("site-packages", "dist-packages"))  # of an environment in the project


def import_roots(src: Path) -> list[Path]:
    """Where the author's modules are: the project's root, and its `src` folder if it has one."""
    inner = src / "src"
    has_src = inner.is_dir() and not (inner / "__init__.py").exists()
    return [src, inner] if has_src else [src]


def prefer(src: Path) -> None:
    """Let Python import the author's modules before any others."""
    for root in reversed(import_roots(src.resolve())):
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))


def forget(src: Path) -> None:
    """Undo `prefer`, and remove the author's modules from `sys.modules`."""
    src = src.resolve()
    roots = {str(root) for root in import_roots(src)}
    sys.path[:] = [path for path in sys.path if path not in roots]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(src):
            del sys.modules[name]


@dataclass(frozen=True, slots=True)
class Api:
    """One method: the function, the arguments of `@api`, and its annotations."""

    function: Callable[..., Any]
    options: ApiOptions
    contract: Contract


@dataclass(frozen=True, slots=True)
class ServiceClass:
    """The class and its APIs, including those of its bases."""

    cls: type
    apis: Mapping[str, Api]

    @classmethod
    def load(cls, target: str, src: Path) -> "ServiceClass":
        """Import `module:Class`, found below `src`, which stays on `sys.path`.

        Raises:
            BundleError: when it cannot be imported, is not found, or has an API that no request
                could call. The traceback goes to the log.
        """
        module_name, _, name = target.partition(":")
        src = src.resolve()
        prefer(src)
        module = _import(module_name, src)
        found = getattr(module, name, None)
        if not is_service(found):
            raise _no_service(module, name, found)
        return cls.of(found)

    @classmethod
    def of(cls, found: Any) -> "ServiceClass":
        """The APIs of a class; raises BundleError for one that no request could call."""
        apis = {}
        for name, function, options in _marked(found):
            contract = Contract.of(function, batchable=options.batchable, owner=found)
            apis[name] = Api(function, options, contract)
        if not apis:
            raise BundleError(
                f"`{found.__name__}` has no API.", hint="Put `@modelbundle.api` on a method."
            )
        return cls(found, apis)

    @property
    def routes(self) -> tuple[Route, ...]:
        """A route for each API, as the class itself describes them."""
        return tuple(self.completed(self._route(name)) for name in self.apis)

    def completed(self, route: Route) -> Route:
        """`route` with the details of input and output that need the imported types.

        Raises:
            BundleError: when the class has no such API.
        """
        if route.method not in self.apis:
            raise BundleError(
                f"`{self.cls.__name__}` has no API `{route.method}`, which `{route.path}` is for.",
                hint=did_you_mean(route.method, self.apis) or _no_api(self.cls, route.method),
            )
        contract = self.apis[route.method].contract
        known: dict[str, Any] = {
            "input": contract.input,
            "output": contract.output,
            "doc": contract.doc,
            "batchable": contract.batchable,
            "streaming": contract.streaming,
            "idempotent": self.apis[route.method].options.idempotent,
        }
        return Route(**(route.to_json() | known))

    def warn_of_others(self, routes: Iterable[Route]) -> None:
        """Log the APIs that have no route, because the source did not tell the build of them."""
        for name in sorted(self.apis.keys() - {route.method for route in routes}):
            log.warning(
                "`%s.%s` is an API without a route: the build reads routes from the source, and "
                "found no `@api` directly on that method.",
                self.cls.__name__,
                name,
            )

    def _route(self, name: str) -> Route:
        options = self.apis[name].options
        return Route(
            path=options.route or f"/{name}",
            method=name,
            service=self.cls.__name__,
            max_batch_size=options.max_batch_size,
            latency_budget=options.latency_budget,
        )


def _no_api(cls: type, name: str) -> str:
    """The hint for a method whose decorator the build has read, and the class does not have."""
    if hasattr(cls, name):
        return f"Write `@api` above the other decorators of `{name}`."
    return "Build the bundle again."


def _marked(cls: type) -> Iterator[tuple[str, Callable[..., Any], ApiOptions]]:
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in vars(base))
    for name in names:
        function = getattr(cls, name, None)
        options = options_of(function)
        if options is not None and function is not None:
            yield name, function, options


def _import(name: str, src: Path) -> Any:
    with say_import_errors(name, src):
        module = importlib.import_module(name)
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).resolve().is_relative_to(src):
        raise BundleError(
            f"`{name}` is also the name of another module (`{file or 'built in'}`), "
            "which was imported instead.",
            hint=f"Rename `{name}.py`.",
        )
    return module


@contextmanager
def say_import_errors(name: str, src: Path) -> Iterator[None]:
    """Turn an exception during an import into one line; the traceback goes to the log.

    Raises:
        BundleError: for every error.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            message, hint = f"There is no module `{error.name}` in the project.", None
        else:
            message = f"`{name}` imports `{error.name}`, which is not installed here."
            hint = "Add it under `python.requirements` in the bundlefile."
            log.debug("Importing `%s` failed.", name, exc_info=True)
        raise BundleError(message, hint=hint) from error
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # SystemExit too: a module must not end the server in silence
        log.exception("Importing `%s` failed.", name)
        failure = f"Importing `{name}` failed: {one_line(error)}"
        raise BundleError(where(error, src) + failure, hint=shared_library.hint(error)) from error


def one_line(error: BaseException) -> str:
    """An error as one line that ends with a full stop."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    if isinstance(error, BundleError):
        return text
    return f"{kind}: {text}".rstrip(".") + "." if text else f"{kind}."


def where(error: BaseException, src: Path) -> str:
    """The last line of the author's code in a traceback, as `service.py:12: `, or ""."""
    frames = traceback.extract_tb(error.__traceback__)
    root = src.resolve()
    for frame in reversed(frames):
        if frame.filename.startswith("<"):
            continue  # `<frozen os>`, `<string>`: no file, wherever the server runs
        path = Path(frame.filename).resolve()
        if path.is_relative_to(root) and not _PACKAGES & set(path.relative_to(root).parts):
            return f"{path.relative_to(root)}:{frame.lineno}: "
    return ""


def _no_service(module: Any, name: str, found: Any) -> BundleError:
    services = [each for each, value in vars(module).items() if is_service(value)]
    if isinstance(found, type):
        return BundleError(
            f"`{name}` is not a service.",
            hint=f"Write `@modelbundle.service` above `class {name}`.",
        )
    near = nearest(name, services) or next(iter(services), None)
    hint = f"Did you mean `{module.__name__}:{near}`?" if near else None
    return BundleError(f"There is no class `{name}` in `{module.__name__}`.", hint=hint)
