"""Served: one method of a model, or an API of a service class, as dialects see it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..batching.policy.window import Limits
from ..data.payload import INFLATION, Codec, Payload
from ..data.regions import Regions
from ..data.rows import extent, table
from ..data.samples import Samples
from ..errors import InvalidInput, NotSupported, Overloaded
from ..manifests.model_manifest import ModelManifest
from ..manifests.route import Route
from ..manifests.settings import ServeSettings
from ..manifests.signature import OBJECTS, Signature
from ..models.operation import Call, ModelOperation, Operation, Stream
from ..models.runner import Queue, Runner
from .dialect_request import DialectRequest
from .offload import Offload

Phase = Literal["loading", "loaded", "unloading", "unloaded", "failed"]

_PHASES: dict[str, Phase] = {
    "READY": "loaded",
    "LOADING": "loading",
    "UNLOADING": "unloading",
}


class Condition(Protocol):
    """The state of the whole server; `hosting.readiness` implements it."""

    @property
    def reason(self) -> str | None:
        """Why it is not ready, or None."""

    @property
    def takes_requests(self) -> bool:
        """Whether predictions are answered."""

    @property
    def is_early(self) -> bool:
        """Whether that is not to be told yet."""

    @property
    def is_draining(self) -> bool:
        """Whether it is shutting down, and answers only clients that do not know it yet."""

    def absence(self, name: str) -> str | None:
        """Why the model or service called `name` is missing at the moment, or None."""


@dataclass(slots=True, eq=False)
class Served:
    """The method that answers under a name and a version.

    name       of the saved model in the store; of the bundle, or the API, for an author's class
    version    of the saved model; of the bundle for an author's class
    alias      name in the bundle
    label      the alias in the store by which the bundlefile named it, if it did
    method     that is called
    methods    all of the same model, the default first
    manifest   of the model, None for an author's class
    signature  None where only `call` answers: an author's class
    is_added   came from outside the bundle while the server runs
    regions    shared memory of clients, where they may have some
    offload    who reads large bodies and writes large answers, where somebody does
    route      how requests share its calls, and what is known of an author's API
    """

    name: str
    version: str
    alias: str
    method: str
    methods: tuple[str, ...]
    manifest: ModelManifest | None
    signature: Signature | None
    route: Route
    settings: ServeSettings
    condition: Condition
    limits: Limits
    label: str | None = None
    is_added: bool = False
    regions: Regions | None = None
    offload: Offload | None = None
    find_samples: Callable[[], Samples | None] = lambda: None
    _runner: Runner | None = field(default=None, repr=False)
    _operation: Operation | None = field(default=None, repr=False)

    # --- state ---

    @property
    def phase(self) -> Phase:
        """How far it has been loaded."""
        presence = None if self._runner is None else self._runner.presence
        if presence is None:
            return "loading" if self._operation is None else "loaded"
        if presence.state == "UNAVAILABLE":
            return "failed" if presence.is_failed else "unloaded"
        return _PHASES[presence.state]

    @property
    def loads_at_start(self) -> bool:
        """Whether it is loaded when the server starts, and not on request."""
        if self.is_added:
            return False
        return self._runner is None or self._runner.presence.want is None

    @property
    def is_ready(self) -> bool:
        """Whether it would answer a request, for which it may be loaded first."""
        return self.why is None

    @property
    def is_within_reach(self) -> bool:
        """Whether it is loaded, or would be for a request, whatever the state of the server."""
        return self._runner is not None and self._runner.presence.is_within_reach

    @property
    def why(self) -> str | None:
        """Why it is not ready, in words that clients may see; None if it is.

        A draining server is not ready, as with Triton, although it answers: a load balancer that
        checks a model would go on sending requests, and the last ones would be cut off.
        """
        condition = self.condition
        presence = None if self._runner is None else self._runner.presence
        if presence is None and self._operation is None:
            return condition.reason or self.phase
        if presence is not None and not presence.is_within_reach:
            return presence.why
        if condition.is_early or condition.is_draining or not condition.takes_requests:
            return condition.reason
        return condition.absence(self.route.service or self.alias)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Name, version and method, by which another catalog of the same models finds it."""
        return self.name, self.version, self.method

    @property
    def samples(self) -> Samples | None:
        """What was recorded with the model for this method."""
        return self.find_samples()

    @property
    def queue(self) -> Queue | None:
        """Where its requests wait: its batcher and its metrics; None if it has no runner."""
        return None if self._runner is None else self._runner.queue(self.method)

    def loaded(self, runner: Runner | None, operation: Operation | None) -> None:
        """Set what answers: `runner` batches of a model, `operation` bodies of the native form."""
        if operation is None and runner is not None:
            operation = ModelOperation(self.codec, runner, self.method)
        self._runner, self._operation = runner, operation

    @property
    def codec(self) -> Codec:
        """The codec of a model's rows; rows of a service class are any JSON."""
        settings = self.settings
        return Codec(
            OBJECTS if self.signature is None else self.signature.inputs,
            settings.max_rows,
            settings.nan == "null",
            settings.wanted_formats,
            settings.max_body * INFLATION,
        )

    # --- requests ---

    async def answer(self, request: DialectRequest, batch: Any) -> Any:
        """The model's answer to a batch that was fitted to the signature; its batcher runs it.

        Raises:
            NotSupported: for an author's class.
            RequestError: see `Batcher.enqueue`; PayloadTooLarge for too many rows, InvalidInput
                for none, Overloaded while it is not loaded.
        """
        request.rows = rows = table.rows(batch)
        self.check(rows)
        runner = self._runner
        if runner is None or not self.condition.takes_requests:
            raise self._not_ready()
        return await runner.answer(request.queue(batch, rows), self.method)

    def check(self, rows: int) -> None:
        """Refuse a number of rows that the model does not take.

        Raises:
            NotSupported: for an author's class.
            PayloadTooLarge: for too many rows; InvalidInput for none.
        """
        if self.signature is None:
            raise NotSupported(f"`{self.name}` takes bodies of its own form, not tensors.")
        if not rows:
            raise InvalidInput("expected at least one row, got none.")
        extent.check_rows(rows, self.settings.max_rows)

    def check_room(self) -> None:
        """Refuse a request before it is decoded, if all queues of the model are full.

        Only the body may say which method is meant, so the queues of all methods count.

        Raises:
            Overloaded: when they are.
        """
        runner = self._runner
        if runner is None or not runner.presence.is_here:
            return
        batcher = runner.queue(self.method).batcher
        if not batcher.is_full or not all(runner.queue(m).batcher.is_full for m in self.methods):
            return
        refusal = batcher.refusal()
        if refusal is not None:
            raise refusal

    @property
    def open_queue(self) -> Queue | None:
        """The queue of requests that share calls.

        None while the model is not loaded, and for a method that is called for each request alone,
        whose answer may have any number of rows.
        """
        runner = self._runner
        if runner is None or not runner.presence.is_here or not self.condition.takes_requests:
            return None
        queue = runner.queue(self.method)
        return queue if queue.batcher.limits.mergeable else None

    async def decode(self, body: bytes, content_type: str, deadline: float) -> Any:
        """The batch in a body of the native form; another process reads a large one.

        Raises:
            RequestError: as the native route does; NotSupported for an author's class.
        """
        if not isinstance(self._operation, ModelOperation) or not self.condition.takes_requests:
            self.check(1)
            raise self._not_ready()
        return await self._operation.decode(body, content_type, deadline)

    async def call(
        self, request: DialectRequest, body: bytes, content_type: str, accept: str
    ) -> Payload | Stream:
        """The answer to a body of the native form: JSON `{"instances": [...]}`, npy, csv, ...

        An author's class answers only this.

        Raises:
            RequestError: as the native route does.
        """
        operation = self._operation
        if operation is None or not self.condition.takes_requests:
            raise self._not_ready()
        call = Call(
            body, content_type, accept, request.deadline, request.priority, request.client,
            request.id, request.trace, request.headers,
        )  # fmt: skip
        try:
            return await operation(call)
        finally:
            request.rows, request.queued = call.rows, call.queued

    def _not_ready(self) -> Overloaded:
        why = self.why or self.condition.reason
        return Overloaded(f"Model `{self.name}` is not ready: {why}.", retry_after=1)
