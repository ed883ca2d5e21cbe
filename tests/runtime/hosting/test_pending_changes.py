"""A caller whose change another caller undoes meanwhile may try again."""

import asyncio

import pytest

from modelbundle.runtime.errors import LoadFailed, Overloaded, RequestError
from modelbundle.runtime.hosting.pending_changes import PendingChanges
from modelbundle.runtime.models.state import CANNOT_LOAD, UNLOADED


@pytest.mark.parametrize(("why", "told"), [(UNLOADED, Overloaded), (CANNOT_LOAD, LoadFailed)])
def test_a_model_that_is_unloaded_while_it_loads_is_no_failure(why, told):
    async def register():
        pending = PendingChanges()
        await pending.added(
            "a", lambda request_id: pending.set_result(request_id, "UNAVAILABLE", why)
        )

    with pytest.raises(RequestError) as refused:
        asyncio.run(register())
    assert type(refused.value) is told
