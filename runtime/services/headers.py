"""Headers: the headers of a request, for a method that asks for them."""

from collections.abc import Iterator, Mapping


class Headers(Mapping[str, str]):
    """The headers of the current request; names are case-insensitive.

    An API gets them by a parameter with this annotation, which is no part of the body. Give it a
    dict of your own in a unit test: `Headers({"X-User": "ada"})`.

    Example:
        @modelbundle.api
        def score(self, amount: float, headers: modelbundle.Headers) -> float:
            return self.limits[headers.get("x-user", "")]
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = {name.lower(): value for name, value in (values or {}).items()}

    def __getitem__(self, name: str) -> str:
        """The value of the header `name`; the last one, where a client has sent several."""
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Names in lower case."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)

    def __repr__(self) -> str:
        """Names alone: a value may be a secret, and this may be printed."""
        return f"Headers({', '.join(self._values)})"


def as_text(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Decode headers, which are bytes of latin-1."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}


def as_bytes(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """The reverse of `as_text`."""
    return {name.encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
