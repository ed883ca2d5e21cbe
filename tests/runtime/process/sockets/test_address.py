"""Where the server listens, and who decided it."""

import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.process.sockets.address import Address

SETTINGS = ServeSettings(port=3000)


@pytest.mark.parametrize(
    ("port", "environment", "expected", "why"),
    [
        (1, {"PORT": "2"}, 1, "--port"),
        (0, {"PORT": "2"}, 0, "--port"),
        (None, {"PORT": "2", "AIP_HTTP_PORT": "4"}, 2, "$PORT"),
        (None, {"PORT": "", "AIP_HTTP_PORT": "4"}, 4, "$AIP_HTTP_PORT"),
        (None, {"SAGEMAKER_BIND_TO_PORT": "5"}, 5, "$SAGEMAKER_BIND_TO_PORT"),
        (None, {}, 3000, "the bundle"),
    ],
)
def test_the_command_line_then_the_environment_then_the_bundle(port, environment, expected, why):
    address = Address.choose(None, port, SETTINGS, environment)
    assert (address.port, address.why) == (expected, why)


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", " 80"])
def test_a_variable_that_is_no_port_is_named(text):
    with pytest.raises(BundleError, match=r"\$PORT is"):
        Address.choose(None, None, SETTINGS, {"PORT": text})


def test_a_host_listens_to_itself_and_a_container_to_everybody():
    assert Address.choose(None, None, SETTINGS, {}).host == "127.0.0.1"
    contained = Address.choose(None, None, SETTINGS, {"BUNDLE_CONTAINER": "1"})
    assert (contained.host, contained.url) == ("0.0.0.0", "http://127.0.0.1:3000")
    assert Address.choose("::1", None, SETTINGS, {}).url == "http://[::1]:3000"
    told = ServeSettings(host="10.0.0.1")
    assert Address.choose(None, None, told, {"BUNDLE_CONTAINER": "1"}).host == "10.0.0.1"


def test_any_free_port_is_told_once_it_is_bound():
    address = Address("127.0.0.1", 0, "--port")
    with address.bind() as listener:
        bound = address.bound(listener)
        assert bound.port == listener.getsockname()[1] > 0
        with pytest.raises(BundleError, match=f"port {bound.port}: Address already in use"):
            bound.bind()


def test_an_address_that_is_not_ours_is_said():
    with pytest.raises(BundleError, match=r"Cannot listen on 192\.0\.2\.1"):
        Address("192.0.2.1", 0, "").bind()
    with pytest.raises(BundleError, match=r"Cannot listen on nowhere\.invalid") as caught:
        Address("nowhere.invalid", 0, "").bind()
    assert "--host" in caught.value.hint  # another port would not help
