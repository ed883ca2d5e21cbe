"""The section `serve`: how a bundle answers, with the defaults of the runtime itself."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from ....runtime.manifests.settings import DialectName, ServeSettings
from .quantity import Count, Duration, ManagementPort, Port, Size, SomeDuration, Warmup, Workers
from .section import Section
from .text import ApiName, EnvName, Fairness, Host, Origin, RoutePath
from .wrong import quoted, wrong

_DEFAULT = ServeSettings()


class Batch(Section):
    """How rows of several requests share one call of the model."""

    max_batch_size: Count | None = None
    """The most rows in one call. Default: 64, and up to 1024 where that is measured to pay."""

    latency_budget: Duration = Field(default=_DEFAULT.batch.latency_budget, examples=["25ms"])
    """The longest predicted time of one call of the model. It limits the size of batches."""

    axis: StrictInt = Field(default=0, json_schema_extra={"const": 0})
    """The axis of rows, always 0, the first. For a model's own: `bundle save --batch-axis`."""

    @field_validator("axis")
    @classmethod
    def _first(cls, axis: int) -> int:
        if axis:
            raise wrong(
                "Requests have their rows on axis 0.",
                "A model that has them on another says so when it is saved: "
                "`bundle save --batch-axis 1`.",
            )
        return axis


class ApiBatch(Section):
    """What differs from `serve.batch` for one API."""

    max_batch_size: Count | None = None
    """The most rows in one call."""

    latency_budget: Duration | None = Field(default=None, examples=["25ms"])
    """The longest predicted time of one call of the model. It limits the size of batches."""


class Api(Section):
    """One API: a method of the service class, or of the model if there is no class."""

    route: RoutePath | None = Field(default=None, examples=["/v1/score"])
    """Its path. Default: `/` and the name of the method."""

    batch: ApiBatch = Field(default_factory=ApiBatch)
    """What differs from `serve.batch`."""


class Queue(Section):
    """How much may wait for one model before the server refuses requests."""

    max_rows: Count = _DEFAULT.queue.max_rows
    """The most rows of all waiting requests."""

    max_bytes: Size = Field(default=_DEFAULT.queue.max_bytes, examples=["1GiB"])
    """The most bytes of all waiting rows."""

    priorities: StrictBool = _DEFAULT.queue.priorities
    """Read the header `X-Priority`: `0` is the most urgent, `1` the default, `3` the least urgent.
    A class that has waited for half a `latency_budget` becomes more urgent by one."""

    fairness: Fairness = Field(
        default=_DEFAULT.queue.fairness, examples=["off", "address", "header:X-Api-Key"]
    )
    """Give clients equal shares of a model. A client is an IP address (`address`) or a value of a
    header (`header:NAME`); `off` turns it off."""


class Limits(Section):
    """Limits of connections and requests."""

    max_headers: Count = _DEFAULT.limits.max_headers
    """The most headers of one request."""

    max_header_bytes: Size = _DEFAULT.limits.max_header_bytes
    """The most bytes of all headers of one request."""

    keep_alive: SomeDuration = _DEFAULT.limits.keep_alive
    """How long an idle connection is kept."""

    receive_timeout: SomeDuration = _DEFAULT.limits.receive_timeout
    """How long a client may take to send the headers, and again to send the body."""

    max_in_flight: Size = _DEFAULT.limits.max_in_flight
    """The most bytes of all bodies that are being read or answered."""


class Management(Section):
    """A port for those who run the server: TorchServe's management API."""

    port: ManagementPort = _DEFAULT.management.port
    """The port; `off` is none at all."""

    host: Host | None = Field(default=None, examples=["0.0.0.0"])  # noqa: S104 - an example
    """The address to listen on. Default: `127.0.0.1`. Another one needs a token."""

    grpc: StrictBool = _DEFAULT.management.grpc
    """Answer TorchServe's gRPC management calls on the port of `serve.grpc`, too, with the same
    token. Everybody who reaches that port can then try tokens."""

    token_env: EnvName = _DEFAULT.management.token_env
    """The environment variable with the token that each request must carry, as
    `Authorization: Bearer TOKEN`."""


class Grpc(Section):
    """gRPC, if it is one of the `dialects`."""

    port: Port = _DEFAULT.grpc.port
    """The port; `--grpc-port` overrides it."""

    tls_cert: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/tls.crt"]
    )
    """A PEM file with the server's certificate and its chain, on the machine that serves. Without
    it, gRPC is not encrypted."""

    tls_key: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/tls.key"]
    )
    """A PEM file with the key of the certificate."""

    tls_client_ca: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, examples=["/etc/tls/ca.crt"]
    )
    """A PEM file with an authority. Clients must have a certificate of it."""

    max_calls: Count = _DEFAULT.grpc.max_calls
    """The most calls that one process answers at once; a stream is one call. More calls get
    RESOURCE_EXHAUSTED."""

    keep_alive: SomeDuration = _DEFAULT.grpc.keep_alive
    """Time without any data after which the server asks whether the client is still there."""

    compression: Literal["off", "gzip", "deflate"] = _DEFAULT.grpc.compression
    """Compression of answers, for clients that accept it. Compressed requests are always
    accepted."""

    raw_output: StrictBool = _DEFAULT.grpc.raw_output
    """Answer with `raw_output_contents` also where a request of the Open Inference Protocol has
    typed `contents`, as Triton does. Otherwise the answer has the form of the request, as with
    KServe and MLServer."""

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
    """The address to listen on. Default: `127.0.0.1`; in a container `0.0.0.0`."""

    port: Port = _DEFAULT.port
    """The port; `--port` and the variable `PORT` override it."""

    workers: Workers = _DEFAULT.workers
    """The number of processes that answer; `auto` chooses it from the cores and from measurements
    of the model."""

    isolation: Literal["process", "thread"] = _DEFAULT.isolation
    """Where models, and a service class with its models, run: in processes of their own, so that a
    crash loses no connection, or in threads of the server."""

    http: Literal["fast", "asgi"] = _DEFAULT.http
    """`fast` answers predictions without ASGI, which is faster; `asgi` uses ASGI for all
    requests."""

    timeout: SomeDuration = Field(default=_DEFAULT.timeout, examples=["30s", "2m"])
    """After how long a request is given up, with status 504."""

    max_body: Size = Field(default=_DEFAULT.max_body, examples=["16MiB"])
    """The largest body of one request."""

    max_rows: Count = _DEFAULT.max_rows
    """The most rows in one request."""

    drain_timeout: Duration = _DEFAULT.drain_timeout
    """The time that running requests have after SIGTERM."""

    log: Literal["debug", "info", "warning", "error"] = _DEFAULT.log
    """The least important messages that are logged."""

    access_log: StrictBool = _DEFAULT.access_log
    """Log each request, as one line of JSON."""

    warmup: Warmup = _DEFAULT.warmup
    """Run the recorded sample before the server is ready: `auto`, `off`, or the largest batch to
    run."""

    nan: Literal["error", "null"] | None = Field(default=_DEFAULT.nan, json_schema_extra=_null_too)
    """What a NaN in an answer becomes: an error, or `null`."""

    timing: Literal["request", "always", "off"] = _DEFAULT.timing
    """Which answers have the headers `Server-Timing` and `X-Batch-Size`: those to requests with
    `X-Timing: 1` (`request`), all, or none."""

    model_control: Literal["none", "explicit"] = _DEFAULT.model_control
    """`explicit` lets everybody who reaches the server load and unload its models, through the
    dialects that have such calls; `none` lets nobody. The `management` port has keys of its own."""

    registration: Literal["none", "store"] = _DEFAULT.registration
    """`store` lets those who may load models also add models that are not in the bundle: models
    from the store of this machine, if this machine trusts them and `bundle serve` started the
    server."""

    shared_memory: StrictBool = _DEFAULT.shared_memory
    """Let clients on the same machine pass tensors in shared memory, as clients of Triton do.
    Everybody who reaches the server can then read and write the files in `/dev/shm` that belong to
    the user of the server."""

    dialects: tuple[DialectName, ...] = Field(
        default=_DEFAULT.dialects, examples=[["native", "v2", "grpc"]]
    )
    """The APIs that the server has: its own routes (`native`), the Open Inference Protocol over
    REST (`v2`) and gRPC (`grpc`), those of TensorFlow Serving and KServe V1 (`v1`), and those of
    TorchServe, Seldon Core, BentoML, SageMaker and Vertex AI."""

    formats: tuple[Literal["arrow", "parquet", "msgpack", "image"], ...] | None = Field(
        default=None, examples=[["arrow", "parquet"]]
    )
    """Formats of bodies and answers, besides JSON, npy, npz, CSV and forms. The lock gets the
    packages for them. Default: those whose packages are in the lock anyway."""

    cors: tuple[Origin, ...] = Field(
        default=_DEFAULT.cors, examples=[["https://app.example.com"], ["*"]]
    )
    """Origins of web pages whose scripts may send requests and read the answers (CORS); `*` allows
    all pages. Default: those of the server alone."""

    batch: Batch = Field(default_factory=Batch)
    """How rows of several requests share one call of the model."""

    apis: dict[ApiName, Api] = Field(default_factory=dict)
    """Settings of single APIs, by the name of the method. In a bundle without a service, the
    methods of the second and further models are named `model.method`."""

    queue: Queue = Field(default_factory=Queue)
    """How much may wait for one model before the server refuses requests."""

    limits: Limits = Field(default_factory=Limits)
    """Limits of connections and requests."""

    grpc: Grpc = Field(default_factory=Grpc)
    """gRPC, if it is one of the `dialects`."""

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
            raise wrong("A dialect is named twice.", "Name each of them once.")
        if not names:
            raise wrong("The list names no dialect.", "Write `[native]`.")
        return names

    @model_validator(mode="after")
    def _is_spoken(self) -> "Serve":
        if self.management.grpc and "grpc" not in self.dialects:
            hint = "Add `grpc` to `serve.dialects`."
            problem = "`management.grpc` is on, but the server has no gRPC."
            raise wrong(problem, hint, ("management", "grpc"))
        if self.management.grpc and self.management.port == "off":
            hint = "Give `serve.management.port`, too."
            raise wrong("Without a port nothing is managed.", hint, ("management", "grpc"))
        return self

    @model_validator(mode="after")
    def _has_room(self) -> "Serve":
        if self.max_body > self.limits.max_in_flight:
            problem = "It is more than `limits.max_in_flight`: such a body would never be let in."
            raise wrong(problem, "Raise `serve.limits.max_in_flight`, too.", ("max_body",))
        return self

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
        """As `ServeSettings` reads it: seconds and bytes, without what each route has."""
        settings = self.model_dump(exclude={"apis": True, "batch": {"axis"}})
        return ServeSettings.from_json(settings).to_json()
