"""State: the states of a model, and the messages that explain them."""

from typing import Literal

State = Literal["READY", "LOADING", "UNLOADING", "UNAVAILABLE"]
"""As the open inference protocol's repository index names them."""

NO_STORE = "this server has no store beside it: `bundle serve` did not start it"
UNLOADED = "it has been unloaded"
CANNOT_LOAD = "it cannot be loaded; the log of the server says why"

UNAWAITED = -1
"""The request id of a load or unload whose result nobody waits for."""
