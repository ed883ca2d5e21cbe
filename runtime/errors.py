"""What can go wrong, in words for the person at the terminal and for the client of a server.

BundleError                  exit 1: something the person can mend; `hint` says how
├── InvalidBundle            exit 6: a file is missing, differs from its digest, or is newer than us
├── InvalidModel             the model's own files cannot be read or called as recorded
├── MissingFramework         the library that the model needs is not installed here
├── NotTrusted               exit 5: loading would execute code that is not trusted on this machine
└── NoDevice                 exit 8: --gpu without a usable GPU

RequestError(status)         what a client is told; anything else becomes a 500 that reveals nothing
├── BadPayload 400           the bytes are not what the content type says
├── UnknownModel 404         no model of that name, version or label
├── NothingHere 404          no route at that path
├── NotAllowed 405
├── NotAcceptable 406        no content type that the client takes is one of ours
├── PayloadTooLarge 413
├── UnsupportedMediaType 415
├── InvalidInput 422         well formed, but not what the signature asks for; names the field
├── TooManyRequests 429      for authors: this client asks too much (+ Retry-After)
├── ClientGone 499           nobody is left to answer
├── PredictionFailed 500     fixed text outside, the traceback in the log
├── LoadFailed 500           a model that was to be loaded or unloaded; why, in words for anybody
├── NotSupported 501         this server, or this model, cannot do that
├── Overloaded 503           the whole server is full, starting or draining (+ Retry-After)
├── ModelDied 503            the model's process ended while it ran this request (+ Retry-After)
├── ServiceDied 503          the service's process ended while it had this request (+ Retry-After)
└── DeadlineExceeded 504
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

STATUSES = range(400, 600)
"""What the status of a RequestError may be."""

_YEAR = 366 * 24 * 3600.0


def in_short(error: BaseException) -> str:
    """What another library said, on one line and without its stack trace or full stop."""
    text = str(error).strip()
    first, _, rest = text.partition("\n")
    if first.endswith(":"):  # what it announces stands below
        first = f"{first} {rest.strip().partition(chr(10))[0].strip()}"
    first = first.rstrip(" .:")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


class BundleError(Exception):
    """Something that the person can mend; `hint` says how."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # a notebook shows it below the message

    def details(self) -> Mapping[str, Any]:
        """What a program wants to know beyond the words, ready for JSON."""
        return {}


class InvalidBundle(BundleError):
    """A bundle or model is incomplete, damaged, or written by a newer version."""

    exit_code = 6


class InvalidModel(BundleError):
    """A model's own files cannot be read, or it cannot be called as recorded."""


class MissingFramework(BundleError):
    """The library that a model needs is not installed in this environment.

    requirements   what to install, with spaces between: "torch==2.13.0 safetensors"
    """

    def __init__(self, framework: str, requirements: str) -> None:
        quoted = " ".join(f"'{one}'" for one in requirements.split())
        super().__init__(
            f"This model needs `{framework}`, which is not installed here.",
            hint=f"Install it with `pip install {quoted}`.",
        )


class NotTrusted(BundleError):
    """Loading would execute code that is not trusted on this machine."""

    exit_code = 5


class NoDevice(BundleError):
    """A GPU was asked for and none can be used."""

    exit_code = 8


class RequestError(Exception):
    """What a client is told: a status, a sentence and, when asking again can help, when.

    Raises:
        TypeError: for a class with a status that is none of an error (400 to 599).
        ValueError, TypeError: for a `retry_after` that is no number; of seconds a year is the most.
    """

    status = 500
    detail: str
    retry_after: float | None  # seconds
    headers: Mapping[str, str] = MappingProxyType({})  # more headers of the answer

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not isinstance(cls.status, int) or cls.status not in STATUSES:
            raise TypeError(
                f"`{cls.__name__}.status` is {cls.status!r}; an error has one from 400 to 599."
            )

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        vars(self).update(detail=str(detail), retry_after=_seconds(retry_after))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; the author of an error hears of what no client could be told.

        Raises:
            TypeError, ValueError: as the class does.
        """
        if name == "status" and (not isinstance(value, int) or value not in STATUSES):
            raise TypeError(f"The status of an error is {value!r}; it has one from 400 to 599.")
        if name == "retry_after":
            value = _seconds(value)
        super().__setattr__(name, str(value) if name == "detail" else value)


def _seconds(value: float | None) -> float | None:
    """A time to wait that a header and JSON can say."""
    return None if value is None else min(max(0.0, float(value)), _YEAR)


class BadPayload(RequestError):
    """The bytes are not what their content type says."""

    status = 400


class UnknownModel(RequestError):
    """There is no model of that name, or none of that version, label or method."""

    status = 404


class NothingHere(RequestError):
    """No route answers at this path."""

    status = 404


class NotAllowed(RequestError):
    """The route exists, for another method."""

    status = 405


class NotAcceptable(RequestError):
    """The client takes no content type that could be answered with."""

    status = 406


class PayloadTooLarge(RequestError):
    """The body or its number of rows is over the limit."""

    status = 413


class UnsupportedMediaType(RequestError):
    """No decoder for this content type."""

    status = 415


class InvalidInput(RequestError):
    """Well formed, but not what the signature asks for; the text names field, expected and got."""

    status = 422


class TooManyRequests(RequestError):
    """One client asks too much, as an author's service counts; a full server is `Overloaded`."""

    status = 429


class ClientGone(RequestError):
    """The client closed the connection before it was answered."""

    status = 499


class PredictionFailed(RequestError):
    """The model raised; the traceback is in the log, never in the answer."""

    status = 500

    def __init__(self, detail: str = "The model failed on this input.") -> None:
        super().__init__(detail)


class LoadFailed(RequestError):
    """A model could not be loaded, or unloaded, though somebody asked for it."""

    status = 500


class NotSupported(RequestError):
    """Something that a client may ask for elsewhere, and that this server or model cannot do."""

    status = 501


class Overloaded(RequestError):
    """The server is full, starting or draining; `retry_after` says when to come back."""

    status = 503


class ModelDied(RequestError):
    """What ran the model is gone: it crashed, ran out of memory, or was ended.

    `why` is for the log and the operator (a signal, an exit code), never for the client.
    """

    status = 503

    def __init__(self, why: str) -> None:
        super().__init__("The model stopped while it worked on this request.", retry_after=1)
        self.why = why


class ServiceDied(RequestError):
    """The process of the author's class is gone, and this request went there."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The service stopped while it worked on this request.", retry_after=1)


class DeadlineExceeded(RequestError):
    """The answer would come later than the client is willing to wait."""

    status = 504


def raised_elsewhere(
    name: object, status: int, detail: str, retry_after: float | None
) -> RequestError:
    """A RequestError that another process has told of, by the name of its class and what it says.

    The author's own classes are not known here: of such an error there are status and words.
    """
    kind = globals().get(str(name))
    if not (isinstance(kind, type) and issubclass(kind, RequestError)):
        kind = RequestError
    error: RequestError = RequestError.__new__(kind)
    RequestError.__init__(error, detail, retry_after=retry_after)
    error.status = status
    return error
