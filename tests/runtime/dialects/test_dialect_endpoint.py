"""What holds for every dialect: who answers where, limits, codings, errors in its own form."""


def test_health_and_metadata_of_a_dialect(server):
    """A dialect answers beside the bundle's own routes."""
    with server.client() as client:
        assert client.get("/v2/health/live").json() == {"live": True}
        assert client.get("/v2/health/ready").json() == {"live": True, "ready": True}
        assert client.get("/v2").json()["name"] == "demo"
        assert client.get("/v2/").status_code == 200
        assert client.head("/v2/health/live").status_code == 200
        assert client.post("/predict", json={"instances": [[1, 2]]}).json() == {"predictions": [3]}


def test_below_its_prefix_errors_are_its_own(server):
    """Also where no rule matches, or none for the method."""
    with server.client() as client:
        missing, wrong = client.get("/v2/nothing"), client.delete("/v2/health/live")
    assert missing.status_code == 404
    assert missing.json()["type"] == "NothingHere"
    assert missing.json()["error"] == missing.json()["message"]
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET, HEAD"
    with server.client() as client:
        assert client.get("/v2nothing").json().keys() == {"error"}


def test_metrics_name_the_rule(server):
    """Rules that nobody has asked for are not shown."""
    with server.client() as client:
        client.get("/v2/health/live")
        text = client.get("/metrics").text
    assert 'bundle_requests_total{route="/v2/health/live",status="200"}' in text
