"""The section `serve`: how a bundle answers, with the defaults of the runtime itself."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from ....runtime.settings import DialectName, ServeSettings
from .quantity import Count, Duration, ManagementPort, Port, Size, SomeDuration, Warmup, Workers
from .section import Section
from .text import ApiName, EnvName, Fairness, Host, RoutePath
from .wrong import quoted, wrong

_DEFAULT = ServeSettings()


class Batch(Section):
    """How rows of many requests share one call of the model."""

    max_batch_size: Count = _DEFAULT.batch.max_batch_size
    """Rows in one call, at most."""

    latency_budget: Duration = Field(default=_DEFAULT.batch.latency_budget, examples=["25ms"])
    """How long one call of the model may take, as predicted: it bounds the size of batches."""

    axis: StrictInt = Field(default=0, json_schema_extra={"const": 0})
    """The axis that counts rows; only 0, the first, is known."""

    @field_validator("axis")
    @classmethod
    def _first(cls, axis: int) -> int:
        if axis:
            raise wrong("Rows are always counted on axis 0.", "Transpose in a service class.")
        return axis


class ApiBatch(Section):
    """What one API does otherwise than `serve.batch`."""

    max_batch_size: Count | None = None
    """Rows in one call, at most."""

    latency_budget: Duration | None = Field(default=None, examples=["25ms"])
    """How long one call of the model may take, as predicted: it bounds the size of batches."""


class Api(Section):
    """One API: a method of the service class, or of the model where there is none."""

    route: RoutePath | None = Field(default=None, examples=["/v1/score"])
    """Its path. Default: `/` and the name of the method."""

    batch: ApiBatch = Field(default_factory=ApiBatch)
    """What it does otherwise than `serve.batch`."""


class Queue(Section):
    """How much may wait in front of one model before the server refuses."""

    max_rows: Count = _DEFAULT.queue.max_rows
    """Rows of all waiting requests."""

    max_bytes: Size = Field(default=_DEFAULT.queue.max_bytes, examples=["1GiB"])
    """Bytes of all waiting rows."""

    priorities: StrictBool = _DEFAULT.queue.priorities
    """Whether the header `X-Priority` counts: `0` is the most urgent, `1` the default, `3` the
    least. What has waited for half a `latency_budget` becomes more urgent by one."""

    fairness: Fairness = Field(
        default=_DEFAULT.queue.fairness, examples=["off", "address", "header:X-Api-Key"]
    )
    """Who has as large a share of a model as any other: `address` (an IP address), `header:NAME`
    (a value of that header), or `off`."""


class Limits(Section):
    """What one connection may do to the server."""

    max_headers: Count = _DEFAULT.limits.max_headers
    """Headers of one request."""

    max_header_bytes: Size = _DEFAULT.limits.max_header_bytes
    """Bytes of all headers of one request."""

    keep_alive: SomeDuration = _DEFAULT.limits.keep_alive
    """How long an idle connection is kept."""

    receive_timeout: SomeDuration = _DEFAULT.limits.receive_timeout
    """How long a client may take for the headers, and again for the body."""

    max_in_flight: Size = _DEFAULT.limits.max_in_flight
    """Bytes of all bodies that are being read or answered."""


class Management(Section):
    """A port for those who run the server: TorchServe's management API."""

    port: ManagementPort = _DEFAULT.management.port
    """The port; `off` is none at all."""

    host: Host | None = Field(default=None, examples=["0.0.0.0"])  # noqa: S104 - an example
    """Where it listens. Default: `127.0.0.1`. Anywhere else only where there is a token."""

    token_env: EnvName = _DEFAULT.management.token_env
    """The environment variable with the token that each request must carry, as
    `Authorization: Bearer TOKEN`."""


class Grpc(Section):
    """How gRPC is spoken, where `dialects` has it."""

    port: Port = _DEFAULT.grpc.port
    """The port; `--grpc-port` comes first."""

    tls_cert: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/tls.crt"]
    )
    """A PEM file with the server's certificate and those that it hangs on, on the machine that
    serves. Without one, gRPC is spoken in the clear."""

    tls_key: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/tls.key"]
    )
    """A PEM file with its key."""

    tls_client_ca: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/ca.crt"]
    )
    """A PEM file with the authority of clients: who has no certificate of it is not let in."""

    max_calls: Count = _DEFAULT.grpc.max_calls
    """Calls that one process answers at once; a stream is one. Beyond it: RESOURCE_EXHAUSTED."""

    keep_alive: SomeDuration = _DEFAULT.grpc.keep_alive
    """How long a client may be silent before it is asked whether it is still there."""

    compression: Literal["off", "gzip", "deflate"] = _DEFAULT.grpc.compression
    """How answers are compressed for clients that take it. Requests may be compressed anyway."""

    @model_validator(mode="after")
    def _pair(self) -> "Grpc":
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_cert" if self.tls_cert is None else "tls_key"
            raise wrong(f"`{missing}` is missing.", "Name a certificate and its key, or neither.")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise wrong(
                "`tls_client_ca` needs a certificate of the server.", "Name `tls_cert`, too."
            )
        return self


def _null_too(schema: dict[str, Any]) -> None:
    del schema["anyOf"]
    schema["enum"] = ["error", "null", None]


class Serve(Section):
    """The server."""

    host: Host | None = Field(default=_DEFAULT.host, examples=["0.0.0.0"])  # noqa: S104 - an example
    """Where it listens. Default: `127.0.0.1` on a host, `0.0.0.0` in a container."""

    port: Port = _DEFAULT.port
    """The port; `--port` and the variable PORT come first."""

    workers: Workers = _DEFAULT.workers
    """Processes that answer; `auto` chooses from the cores and from what the model is measured
    to take."""

    isolation: Literal["process", "thread"] = _DEFAULT.isolation
    """Whether models, and a service class with its models, run in processes of their own, which may
    die without a connection lost, or in threads of the server."""

    http: Literal["fast", "asgi"] = _DEFAULT.http
    """Whether predictions take the short way through the server, or all requests go through
    ASGI."""

    timeout: SomeDuration = Field(default=_DEFAULT.timeout, examples=["30s", "2m"])
    """When a request is given up, with status 504."""

    max_body: Size = Field(default=_DEFAULT.max_body, examples=["16MiB"])
    """The largest body of a request."""

    max_rows: Count = _DEFAULT.max_rows
    """The most rows in one request."""

    drain_timeout: Duration = _DEFAULT.drain_timeout
    """What running requests have after SIGTERM."""

    log: Literal["debug", "info", "warning", "error"] = _DEFAULT.log
    """The least important messages that are logged."""

    access_log: StrictBool = _DEFAULT.access_log
    """Whether every request is logged, one line of JSON each."""

    warmup: Warmup = _DEFAULT.warmup
    """Run the recorded sample before the server is ready: `auto`, `off`, or the largest batch."""

    nan: Literal["error", "null"] | None = Field(default=_DEFAULT.nan, json_schema_extra=_null_too)
    """What a NaN in an answer becomes: an error, or `null`."""

    timing: Literal["request", "always", "off"] = _DEFAULT.timing
    """Which answers say in `Server-Timing` and `X-Batch-Size` where their time went: those to
    requests with `X-Timing: 1`, all of them, or none."""

    model_control: Literal["none", "explicit"] = _DEFAULT.model_control
    """Whether whoever reaches the server may load and unload its models, through the dialects that
    know how (`explicit`), or nobody (`none`). The `management` port has keys of its own."""

    registration: Literal["none", "store"] = _DEFAULT.registration
    """Whether whoever may load models may also bring others than the bundle's into the running
    server: those of the store beside which `bundle serve` has started it (`store`), as far as
    this machine trusts them, or none."""

    shared_memory: bool = _DEFAULT.shared_memory
    """Whether clients on the same machine may register shared memory and name it in place of
    tensors, as clients of Triton do. Whoever reaches the server can then read and write what lies
    in `/dev/shm` for the user that it runs as."""

    dialects: tuple[DialectName, ...] = Field(
        default=_DEFAULT.dialects, examples=[["native", "v2", "grpc"]]
    )
    """How clients may speak: the bundle's own routes (`native`), the Open Inference Protocol over
    REST (`v2`) and gRPC (`grpc`), TensorFlow Serving and KServe V1 (`v1`), and the routes of
    TorchServe, Seldon Core, SageMaker and Vertex AI."""

    formats: tuple[Literal["arrow", "parquet", "msgpack", "image"], ...] | None = Field(
        default=None, examples=[["arrow", "parquet"]]
    )
    """Which bodies are taken, and answers given, beside JSON, npy, npz, CSV and forms; the lock
    gets the packages for them. Default: those whose packages are in the lock anyway."""

    batch: Batch = Field(default_factory=Batch)
    """How rows of many requests share one call of the model."""

    apis: dict[ApiName, Api] = Field(default_factory=dict)
    """What single APIs do otherwise, by the name of the method; the second and further models of a
    bundle without a service have theirs as `model.method`."""

    queue: Queue = Field(default_factory=Queue)
    """How much may wait in front of one model before the server refuses."""

    limits: Limits = Field(default_factory=Limits)
    """What one connection may do to the server."""

    grpc: Grpc = Field(default_factory=Grpc)
    """How gRPC is spoken, where `dialects` has it."""

    management: Management = Field(default_factory=Management)
    """A port for those who run the server: TorchServe's management API."""

    @field_validator("nan")
    @classmethod
    def _null(cls, value: str | None) -> str:
        return value or "null"  # `nan: null` reads well and is YAML's own null

    @field_validator("dialects")
    @classmethod
    def _distinct(cls, names: tuple[DialectName, ...]) -> tuple[DialectName, ...]:
        if len(set(names)) < len(names):
            raise wrong("A dialect stands there twice.", "Name each of them once.")
        if not names:
            raise wrong("Nobody could ask for a prediction.", "Write `[native]`.")
        return names

    @field_validator("apis")
    @classmethod
    def _routes(cls, apis: dict[str, Api]) -> dict[str, Api]:
        taken: dict[str, str] = {}
        for name, api in apis.items():
            if api.route in taken:
                message = f"{quoted(api.route)} is the route of `{taken[api.route]}` already."
                raise wrong(message, "Give each API its own `route`.", (name, "route"))
            if api.route:
                taken[api.route] = name
        return apis

    def settings(self) -> dict[str, Any]:
        """As `runtime.settings` reads it: seconds and bytes, without what each route has."""
        settings = self.model_dump(exclude={"apis": True, "batch": {"axis"}})
        return ServeSettings.from_json(settings).to_json()
