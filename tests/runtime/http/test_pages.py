"""The pages for people and for machines."""

import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest


@pytest.fixture(scope="module")
def client(server):
    with server.client(headers={"accept": "text/html, */*"}) as client:
        yield client


def test_a_program_learns_at_the_root_that_the_server_is_alive(server):
    with server.client() as client:
        assert client.get("/").json()["status"] == "alive"


def test_health_is_json(client):
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_from_elsewhere(client, path):
    page = client.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    assert len(page.content) < 40_000
    assert "{{" not in page.text


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_only_the_pages_own_script_and_style_may_run(client, path):
    page = client.get(path)
    policy = page.headers["content-security-policy"]
    for tag in ("script", "style"):
        inline = re.search(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_what_a_bundle_says_of_itself_never_becomes_markup(client):
    page = client.get("/").text
    assert "<b>rows</b>" not in page
    embedded = re.search(r'id="document">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(embedded)["info"]["description"] == "Adds up <b>rows</b>."
    assert json.loads(embedded) == client.get("/openapi.json").json()


def test_the_recorded_sample_is_on_the_page(client):
    embedded = re.search(r'id="document">(.*?)</script>', client.get("/").text, re.DOTALL)[1]
    content = json.loads(embedded)["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert content["application/json"]["example"] == {"instances": [[1.0, 2.0], [3.0, 4.0]]}


@pytest.mark.skipif(not shutil.which("node"), reason="`node` is not installed")
def test_the_page_asks_below_the_prefix_that_a_proxy_gave_it(client):
    script = re.search(r"function address\(.*?\n\}", client.get("/").text, re.DOTALL)
    page = 'const document = { baseURI: "https://example.com/models/iris/?x#y" };'
    asked = f'{page}{script[0]} console.log(address("/predict"))'
    told = subprocess.run(["node", "-e", asked], capture_output=True, text=True, check=True)
    assert told.stdout == "https://example.com/models/iris/predict\n"
