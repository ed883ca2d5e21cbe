import pytest

import modelbundle as mb
from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.services.service import ApiOptions, is_service, options_of


def test_decorated_classes_stay_what_they_are():
    """Both spellings; methods are called directly, as in a unit test of the author's."""

    @mb.service
    class One:
        @mb.api
        def double(self, n: int) -> int:
            return 2 * n

        @mb.api(idempotent=True)
        def half(self, n: int) -> float:
            return n / 2

    @mb.service()
    class Two(One):
        @mb.api(batchable=True, max_batch_size=8, latency_budget="25ms", route="/t")
        def triple(self, rows: list[int]) -> list[int]:
            return [3 * n for n in rows]

    assert One().double(2) == 4
    assert Two().triple([1]) == [3]
    assert options_of(One.double) == ApiOptions()
    assert options_of(One.half) == ApiOptions(idempotent=True)
    assert options_of(Two.triple) == ApiOptions("/t", True, 8, 0.025)
    assert is_service(One)
    assert is_service(Two)


def test_a_subclass_is_a_service_only_when_it_says_so():
    @mb.service
    class One: ...

    class Two(One): ...

    assert not is_service(Two)
    assert not is_service(One())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_batch_size": 0, "batchable": True}, "`max_batch_size` is a number of rows"),
        ({"latency_budget": "soon", "batchable": True}, "not a duration"),
        ({"latency_budget": 1}, "are for APIs with `batchable=True`"),
        ({"batchable": 1}, "`batchable` is True or False"),
        ({"idempotent": "yes"}, "`idempotent` is True or False"),
        ({"route": 3}, "`route` is a path"),
        ({"rout": "/x"}, "rout"),
    ],
)
def test_wrong_options_name_the_method_and_the_option(options, message):
    with pytest.raises(BundleError, match=message) as raised:

        class Sample:
            @mb.api(**options)
            def predict(self): ...

    assert "predict" in str(raised.value)


def test_decorators_in_the_wrong_place_say_where_they_belong():
    with pytest.raises(BundleError, match="`@service` belongs on a class"):
        mb.service(lambda: None)
    with pytest.raises(BundleError, match="`@api` belongs on a method"):
        mb.api(int)


def test_model_outside_a_server_says_what_to_set(monkeypatch):
    monkeypatch.delenv("BUNDLE_DIR", raising=False)
    with pytest.raises(BundleError, match="outside a server") as raised:
        mb.model("net")
    assert "BUNDLE_DIR" in raised.value.hint
