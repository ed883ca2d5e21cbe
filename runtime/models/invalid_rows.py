"""InvalidRows: rows made by a service class that a model does not take."""

from typing import Any


class InvalidRows(ValueError):
    """What is wrong with them; the author's code sees an ordinary exception.

    batch    the rows: where they are a client's, handed on untouched, it is the client's to mend
    detail   what is wrong, by row and column, fit for strangers
    """

    def __init__(self, model: str, method: str, batch: Any, detail: str) -> None:
        super().__init__(f"Model `{model}`, method `{method}`: {detail}")
        self.batch = batch
        self.detail = detail
