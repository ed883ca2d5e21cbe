"""Method: converts one API of the author's class to a Route.

Its twin is `runtime/services/contract/method.py`.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .....runtime.manifests.route import Route
from .....runtime.services.contract import wire
from .....runtime.services.contract.types import spec
from .....runtime.services.contract.types.spec import FieldSpec, Spec
from .....runtime.services.service import ApiOptions
from .annotation import unquoted
from .mention import API, Mentions
from .module import Function, Module
from .record import Records

_HEADERS = frozenset(("modelbundle.Headers", "modelbundle.runtime.services.headers.Headers"))
_PATH = re.compile(r"/[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_ITERABLES = spec.STREAMS | {"collections.abc.Iterable", "collections.abc.AsyncIterable"}
_BINDERS = frozenset(
    (
        "builtins.staticmethod",
        "builtins.classmethod",
        "builtins.property",
        "functools.cached_property",
    )
)


@dataclass(frozen=True, slots=True)
class Method:
    """An API: the function, the file that it stands in, and what `@api` says."""

    node: Function
    module: Module
    options: ApiOptions

    @classmethod
    def read(cls, node: Function, module: Module, records: Records) -> "Method | None":
        """The API that `node` is, or None where it is none.

        Raises:
            BuildError: for options that are not literals, for what cannot be a route, and where
                a decorator of the project's makes an API.
        """
        for decorator in node.decorator_list:
            value, home = records.annotations.unaliased(decorator, module)  # fast = api(...)
            call = value if isinstance(value, ast.Call) else None
            if records.tree.name_of(call.func if call else decorator, home) in API:
                _check_name(node, module, records)
                return cls(node, module.within(node), _options(call, home, records))
        Mentions(records.tree).check(node.decorator_list, module)
        return None

    def route(self, service: str, records: Records) -> Route:
        """The route of this API in the class called `service`.

        Raises:
            BuildError: when no request could call it.
        """
        found = [
            (each, default, self._is_headers(each, records)) for each, default in self._arguments()
        ]
        asks = any(is_headers for *_, is_headers in found)
        parameters = [
            self._parameter(each, default, records) for each, default, aside in found if not aside
        ]
        result, is_streaming = self._result(records)
        batchable = self.options.batchable
        fault = wire.fault(
            parameters, result, batchable=batchable, streaming=is_streaming, headers=asks
        )
        if fault:
            raise self.module.error(self.node, f"`{self.node.name}` {fault[0]}", fault[1])
        return Route(
            path=self.options.route or f"/{self.node.name}",
            method=self.node.name,
            service=service,
            batchable=batchable,
            max_batch_size=self.options.max_batch_size,
            latency_budget=self.options.latency_budget,
            streaming=is_streaming,
            idempotent=self.options.idempotent,
            doc=ast.get_docstring(self.node) or "",
            input=wire.request(parameters, batchable=batchable, headers=asks),
            output=wire.response(result, batchable=batchable, streaming=is_streaming),
        )

    def _arguments(self) -> Iterator[tuple[ast.arg, ast.expr | None]]:
        """The parameters after the instance, each with its default."""
        arguments = self.node.args
        for wrong in (*arguments.posonlyargs[1:], arguments.vararg, arguments.kwarg):
            if wrong is not None:
                raise self.module.error(
                    wrong,
                    f"`{self.node.name}` takes `{wrong.arg}`, which no request can fill.",
                    "Name every parameter.",
                )
        positional = [*arguments.posonlyargs, *arguments.args]
        if not positional or (positional[0].arg != "self" and positional[0].annotation):
            hint = f"Write `def {self.node.name}(self, ...)`."
            raise self.module.error(self.node, f"`{self.node.name}` has no `self`.", hint)
        gap = len(positional) - len(arguments.defaults)
        yield from zip(positional[1:], [*[None] * gap, *arguments.defaults][1:], strict=True)
        yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)

    def _is_headers(self, argument: ast.arg, records: Records) -> bool:
        """Whether it gets the headers of the request, and nothing of the body."""
        if argument.annotation is None:
            return False
        return any(  # `Headers | None` as well
            records.tree.name_of(unquoted(each), self.module) in _HEADERS
            for each in ast.walk(unquoted(argument.annotation))
            if isinstance(each, ast.expr)
        )

    def _parameter(
        self, argument: ast.arg, default: ast.expr | None, records: Records
    ) -> FieldSpec:
        made = records.annotations.spec(argument.annotation, self.module)
        value: Any = None
        if default is not None:
            try:
                value = records.tree.literal(default, self.module)
            except ValueError:
                value = None
        return FieldSpec(argument.arg, made, default is None, value)

    def _result(self, records: Records) -> tuple[Spec, bool]:
        """The spec of the result, or of one item of a stream."""
        annotations, returns = records.annotations, self.node.returns
        is_generator = _yields(self.node)
        outer, first, module = annotations.generic(returns, self.module)
        if outer in spec.STREAMS or (is_generator and outer in _ITERABLES):
            return annotations.spec(first, module), True
        return (
            spec.OBJECT if is_generator else annotations.spec(returns, self.module)
        ), is_generator


def _check_name(node: Function, module: Module, records: Records) -> None:
    if node.name.startswith("_"):
        raise module.error(
            node, f"`{node.name}` is private and an API.", "Drop the underscore, or `@api`."
        )
    for decorator in node.decorator_list:
        name = records.tree.name_of(decorator, module)
        if name in _BINDERS:
            short = name.rpartition(".")[2]
            raise module.error(
                node, f"`{node.name}` is a {short}, but an API is a method.", f"Drop `@{short}`."
            )


def _options(call: ast.Call | None, module: Module, records: Records) -> ApiOptions:
    if call is None:
        return ApiOptions()
    known = list(inspect.signature(ApiOptions.of).parameters)
    given: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg not in known:
            listed = ", ".join(f"`{name}`" for name in known)
            message = f"`@api` has no option `{keyword.arg}`."
            raise module.error(keyword.value, message, f"It has {listed}.")
        try:
            given[keyword.arg] = records.tree.literal(keyword.value, module)
        except ValueError:
            raise module.error(
                keyword.value,
                f"`{keyword.arg}` of `@api` is not a literal.",
                "Write the value itself: the build reads it without running anything.",
            ) from None
    if call.args:
        raise module.error(call, "`@api` takes its options by name.", "Write `@api(route=...)`.")
    return _checked(given, call, module)


def _checked(given: dict[str, Any], call: ast.Call, module: Module) -> ApiOptions:
    try:
        options = ApiOptions.of(**given)
    except ValueError as error:
        raise module.error(call, str(error)) from error
    if options.route is not None and not _PATH.fullmatch(options.route):
        raise module.error(
            call,
            f"`{options.route}` is not a route.",
            "Write a path such as `/predict` or `/v1/predict`, without a slash at its end.",
        )
    return options


def _yields(function: Function) -> bool:
    """Whether it is a generator: it yields, functions inside it aside."""
    queue: list[ast.AST] = list(function.body)
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            queue += ast.iter_child_nodes(node)
    return False
