"""Settings of a server, each with its default."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, Self, cast, get_args, get_type_hints

from ..errors import InvalidBundle
from .json_types import wrong

KIB = 1 << 10
MIB = 1 << 20


DialectName = Literal[
    "native", "v2", "v1", "grpc", "torchserve", "seldon", "bentoml", "sagemaker", "vertex"
]
DIALECTS: tuple[DialectName, ...] = get_args(DialectName)
"""How a server may be spoken to, all of it at the same time."""


INITIAL_BATCH_SIZE = 64
MOST_BATCH_SIZE = 1024


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How rows of many requests share one call; a route may override both.

    max_batch_size  rows; None = `INITIAL_BATCH_SIZE`, and up to `MOST_BATCH_SIZE` where that pays
    """

    max_batch_size: int | None = None
    latency_budget: float = 0.05  # seconds that one call may take, predicted


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How much may wait in front of one model before the server refuses, and whose turn it is.

    priorities   whether X-Priority counts: 0 is the most urgent, 1 the default, 3 the least
    fairness     who is one client, with as large a share as any other: "off" = nobody is told
                 apart, "address" = an IP address, "header:NAME" = a value of that header
    """

    max_rows: int = 4096
    max_bytes: int = 256 * MIB
    priorities: bool = False
    fairness: str = "off"

    @property
    def fairness_header(self) -> str | None:
        """The header whose value tells clients apart, in lower case, where one does."""
        kind, _, name = self.fairness.partition(":")
        return name.lower() if kind == "header" else None


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Limits of one connection."""

    max_headers: int = 100
    max_header_bytes: int = 32 * KIB
    keep_alive: float = 75.0  # seconds an idle connection is kept: longer than balancers keep it
    receive_timeout: float = 10.0  # seconds for the headers, and again for the body
    max_in_flight: int = 256 * MIB  # bytes of all bodies that are being read or answered


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """Settings of gRPC, if it is among the `dialects`.

    tls_cert, tls_key  PEM files on the machine that serves; both or neither
    tls_client_ca      PEM file of whoever vouches for clients: without one of its certificates
                       nobody is let in
    compression        of answers, for clients that take it
    raw_output         whether tensors of answers are raw, whatever the request has
    """

    port: int = 8081
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    max_calls: int = 1024  # at once in one process; streams count as one
    keep_alive: float = 60.0  # seconds after which a silent client is asked whether it is there
    compression: Literal["off", "gzip", "deflate"] = "off"
    raw_output: bool = False


@dataclass(frozen=True, slots=True)
class ManagementSettings:
    """Settings of TorchServe's management API, on a port of its own.

    port       "off" = none
    host       None = 127.0.0.1; anything else needs a token
    grpc       whether it is answered on the port of gRPC, too
    token_env  the variable with the token that each request must carry
    """

    port: Literal["off"] | int = "off"
    host: str | None = None
    grpc: bool = False
    token_env: str = "BUNDLE_MANAGEMENT_TOKEN"  # noqa: S105  a name


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """All settings of `serve:` in a bundlefile, with their defaults.

    host          None = 127.0.0.1 on a host, 0.0.0.0 in a container
    workers       processes that answer, or "auto": chosen from what is measured at the start
    isolation     "process" = models run in processes of their own, "thread" = beside the server
    http          "fast" = predictions below ASGI, "asgi" = everything through it
    warmup        "auto" = a few sizes up to the largest batch, "off", or the largest size to try
    nan           what a NaN in an answer becomes: an error, or `null`
    formats       bodies that are taken beside what needs no package, by their names in
                  `data.formats`; None = all whose packages are there
    timing        which answers say how long their parts took: those whose requests say
                  `X-Timing: 1`, all, or none
    model_control "explicit" = whoever reaches the server may load and unload its models through the
                  dialects, "none" = nobody may
    registration  "store" = whoever may load models may also bring those of the store beside which
                  `bundle serve` has started the server, "none" = it has its own alone
    shared_memory whether clients on this machine may name shared memory of theirs in place of
                  tensors, through the dialects that know how
    dialects      how clients may speak, out of `DIALECTS`; "native" = the bundle's own routes
    cors          origins of web pages that may read answers: "https://app.example.com"; "*" = all
    """

    host: str | None = None
    port: int = 8080
    workers: Literal["auto"] | int = "auto"
    isolation: Literal["process", "thread"] = "process"
    http: Literal["fast", "asgi"] = "fast"
    timeout: float = 30.0  # seconds until a request is given up with 504
    max_body: int = 16 * MIB  # bytes
    max_rows: int = 4096  # rows in one request
    drain_timeout: float = 30.0  # seconds that running requests have after SIGTERM
    log: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = True
    warmup: Literal["auto", "off"] | int = "auto"
    nan: Literal["error", "null"] = "error"
    timing: Literal["request", "always", "off"] = "request"
    formats: tuple[str, ...] | None = None
    model_control: Literal["none", "explicit"] = "none"
    registration: Literal["none", "store"] = "none"
    shared_memory: bool = False
    dialects: tuple[DialectName, ...] = ("native", "v2", "v1")
    cors: tuple[str, ...] = ()
    batch: BatchSettings = field(default_factory=BatchSettings)
    queue: QueueSettings = field(default_factory=QueueSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    management: ManagementSettings = field(default_factory=ManagementSettings)
    grpc: GrpcSettings = field(default_factory=GrpcSettings)

    @property
    def wanted_formats(self) -> frozenset[str] | None:
        """Names of the formats that are taken; None = all that are there."""
        return None if self.formats is None else frozenset(self.formats)

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`, defaults filled in."""
        formats = None if self.formats is None else list(self.formats)
        lists = {"dialects": list(self.dialects), "formats": formats, "cors": list(self.cors)}
        return asdict(self) | lists

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote, or any part of it.

        Raises:
            InvalidBundle: for a key that this version does not know.
        """
        parts: dict[str, type[Any]] = {
            "batch": BatchSettings,
            "queue": QueueSettings,
            "limits": LimitSettings,
            "management": ManagementSettings,
            "grpc": GrpcSettings,
        }
        _check_keys(
            "serve", cls, {name: value for name, value in data.items() if name != "dialects"}
        )
        for name in parts.keys() & data.keys():
            _check_keys(f"serve.{name}", parts[name], data[name])
        made: dict[str, Any] = {name: parts[name](**data.get(name, {})) for name in parts}
        if "dialects" in data:
            made["dialects"] = _checked_dialects(data["dialects"])
        if data.get("formats") is not None:
            made["formats"] = tuple(data["formats"])
        if "cors" in data:
            made["cors"] = tuple(data["cors"])
        return cls(**(dict(data) | made))

    def merged(self, **changes: Any) -> Self:
        """The same settings with every change that is not None."""
        return replace(self, **{name: v for name, v in changes.items() if v is not None})


def _checked_dialects(names: Iterable[str]) -> tuple[DialectName, ...]:
    if not isinstance(names, (list, tuple)):
        raise InvalidBundle("`serve.dialects` is not a list.")
    listed = cast("tuple[DialectName, ...]", tuple(names))
    for name in listed:
        if name not in DIALECTS:
            known = ", ".join(f"`{each}`" for each in DIALECTS)
            raise InvalidBundle(f"`serve.dialects` has an unknown `{name}`; there are {known}.")
    return listed


def _check_keys(where: str, cls: type[Any], data: Mapping[str, Any]) -> None:
    if not isinstance(data, Mapping):
        raise InvalidBundle(f"`{where}` is not a group of settings.")
    name = wrong(data, get_type_hints(cls))
    if name is not None:
        raise InvalidBundle(f"`{where}.{name}` cannot be `{str(data[name])[:80]!r}`.")
    unknown = data.keys() - {known.name for known in fields(cls)}
    if unknown:
        raise InvalidBundle(f"`{where}` has an unknown setting `{min(unknown)}`.")
