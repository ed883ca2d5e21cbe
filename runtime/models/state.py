"""State: the states of a model, from loading to unloaded; imports nothing."""

from typing import Literal

State = Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]
"""As the open inference protocol's repository index names them."""

NO_STORE = "this server has no store beside it: `bundle serve` did not start it"
UNLOADED = "it has been unloaded"
CANNOT = "it cannot be loaded; the log of the server says why"

NOBODY = -1
"""The request id of a request whose result nobody waits for."""
