"""Site: all routes but predictions, with Starlette; imported when one of them is first used."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..printable import printable
from .pages import Shown, pages


def site(shown: Shown, predictions: Iterable[str]) -> Starlette:
    """The pages of a server as an ASGI application; `predictions` are paths that it has beside."""

    async def explain(request: Request, error: Exception) -> Response:
        routes = "".join(f"POST {path}, " for path in predictions)  # models come and go
        return _explained(request, error, routes)

    made = Starlette(
        routes=pages(shown),
        exception_handlers={HTTPException: explain, 500: _conceal},
    )
    made.router.redirect_slashes = False
    return made


def _explained(request: Request, error: Exception, routes: str) -> Response:
    """A 404 that lists the routes, and a 405 that names the right method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    path = printable(request.url.path)
    if status == 404:  # noqa: PLR2004
        routes += "and " if routes else ""
        detail = f"There is nothing at `{path}`; there is {routes}GET /docs."
    elif status == 405:  # noqa: PLR2004
        detail = f"`{path}` does not take {request.method}."
    else:
        detail = "The request could not be answered."
    return JSONResponse({"error": detail}, status, headers)


async def _conceal(_: Request, __: Exception) -> Response:
    """Log the traceback; the client only gets a 500."""
    return JSONResponse({"error": "The server failed."}, 500)
