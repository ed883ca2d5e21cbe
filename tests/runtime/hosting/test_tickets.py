"""Who waits for a change that somebody else undoes meanwhile may ask again."""

import asyncio

import pytest

from modelbundle.runtime.errors import LoadFailed, Overloaded, RequestError
from modelbundle.runtime.hosting.tickets import Tickets
from modelbundle.runtime.models.state import CANNOT, UNLOADED


@pytest.mark.parametrize(("why", "told"), [(UNLOADED, Overloaded), (CANNOT, LoadFailed)])
def test_a_model_that_goes_while_it_comes_is_no_failure(why, told):
    async def register():
        tickets = Tickets()
        await tickets.arrival("a", lambda ticket: tickets.done(ticket, "UNAVAILABLE", why))

    with pytest.raises(RequestError) as refused:
        asyncio.run(register())
    assert type(refused.value) is told
