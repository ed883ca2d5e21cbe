"""Misfit: rows of an author's own making that a model does not take."""

from typing import Any


class Misfit(ValueError):
    """What is wrong with them; to the author's code it is an error as any other.

    batch    the rows: where they are a client's, handed on untouched, it is the client's to mend
    detail   what is wrong, by row and column, fit for strangers
    """

    def __init__(self, model: str, method: str, batch: Any, detail: str) -> None:
        super().__init__(f"Model `{model}`, method `{method}`: {detail}")
        self.batch = batch
        self.detail = detail
