"""InvalidRows: rows of a service class that a model rejects."""

from typing import Any


class InvalidRows(ValueError):
    """The reason; the author's code sees an ordinary exception.

    batch    the rows; if they are the client's own, the client gets the error
    detail   the reason by row and column, which clients may see
    """

    def __init__(self, model: str, method: str, batch: Any, detail: str) -> None:
        super().__init__(f"Model `{model}`, method `{method}`: {detail}")
        self.batch = batch
        self.detail = detail
