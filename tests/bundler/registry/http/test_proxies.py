"""Proxies: which addresses go through one, and what it is shown."""

from modelbundle.bundler.registry.http import proxies


def test_this_machine_and_exceptions_need_no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "proxy.lan:3128")
    monkeypatch.setenv("no_proxy", "inside.lan,.local")
    assert proxies.of("https://reg.io/v2/") == "http://proxy.lan:3128"
    for url in ("http://127.0.0.1:5000/", "https://inside.lan/x", "https://a.local/x"):
        assert proxies.of(url) == ""
    assert proxies.headers("http://proxy.lan:3128") == {}
