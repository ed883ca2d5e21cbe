"""Management: TorchServe's `ManagementAPIsService`, for whoever has the token.

Source: github.com/pytorch/serve, `frontend/server/src/main/resources/proto/management.proto`. A
call means what the request does that has its fields in path and query, over HTTP.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import grpc
import orjson

from ...dialects.dialect_request import DialectRequest
from ...dialects.torchserve.management import Management as Dialect
from ...errors import BadPayload, NothingHere
from ...http.bearer import Bearer
from ..dispatcher import Dispatcher
from ..messages.pool import pool

_PACKAGE = "org.pytorch.serve.grpc.management"
_SERVICE = f"/{_PACKAGE}.ManagementAPIsService"

Place = Callable[[Any], str]
"""The path that a message is about."""


class Management:
    """Answers the service's calls."""

    def __init__(self, dialect: Dialect, bearer: Bearer) -> None:
        self._rules = dialect.rules()
        self._bearer = bearer
        self._response = pool()[f"{_PACKAGE}.ManagementResponse"]

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        calls: dict[str, tuple[str, Place]] = {
            "DescribeModel": ("GET", _model),
            "ListModels": ("GET", _models),
            "RegisterModel": ("POST", _models),
            "ScaleWorker": ("PUT", _model),
            "SetDefault": ("PUT", _default),
            "UnregisterModel": ("DELETE", _model),
        }
        answers = {name: partial(self._answer, *call) for name, call in calls.items()}
        return dispatcher.service(_SERVICE, answers)

    async def _answer(
        self, verb: str, place: Place, request: Any, dialect_request: DialectRequest
    ) -> Any:
        self._bearer.check(dialect_request.headers)
        path = place(request)
        for rule in self._rules:
            found = re.fullmatch(rule.pattern, path) if verb in rule.methods else None
            if found is not None:
                parts = {name: unquote(part) for name, part in found.groupdict("").items() if part}
                query = _query(request)
                http_request = replace(
                    dialect_request, method=verb, path=path, parts=parts, query=query, body=b""
                )
                return self._response(msg=_sentence((await rule.handler(http_request)).body))
        raise NothingHere(f"There is nothing at `{path[:64]}`.")


def _models(_: Any) -> str:
    return "/models"


def _model(request: Any) -> str:
    if not request.model_name:
        raise BadPayload("Parameter `model_name` is required.")
    path = f"/models/{quote(request.model_name, safe='')}"
    version = request.model_version
    return f"{path}/{quote(version, safe='')}" if version else path


def _default(request: Any) -> str:
    if not request.model_version:
        raise BadPayload("Parameter `model_version` is required.")
    return f"{_model(request)}/set-default"


def _query(request: Any) -> dict[str, str]:
    """What has been said; a field without a value has the usual one."""
    fields = {field.name: value for field, value in request.ListFields()}
    return {
        name: str(value).lower() if value is True else str(value) for name, value in fields.items()
    }


def _sentence(body: Any) -> str:
    """The one sentence of an answer, or else its JSON."""
    value = orjson.loads(body)
    is_sentence = type(value) is dict and value.keys() == {"status"}
    return str(value["status"]) if is_sentence else bytes(body).decode()
