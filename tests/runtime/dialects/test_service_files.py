"""Files and texts for an author's class, as clients of other servers send them."""

import base64
import json
import struct

import pytest

from modelbundle.bundler.building.service.service_source import read_service

from ..conftest import Servers, write_bundle

SOURCE = """
from dataclasses import dataclass

import modelbundle as mb


@dataclass
class Document:
    name: str
    body: bytes


@mb.service
class Desk:
    @mb.api(batchable=True)
    def sizes(self, files: list[bytes]) -> list[int]:
        return [len(file) for file in files]

    @mb.api(batchable=True)
    def names(self, rows: list[Document]) -> list[str]:
        return [f"{row.name} {len(row.body)}" for row in rows]

    @mb.api
    def head(self, file: bytes) -> bytes:
        return file[:4]

    @mb.api
    def both(self, data: bytes, times: int = 1) -> int:
        return times * len(data)

    @mb.api
    def shout(self, text: str) -> str:
        return text.upper()
"""
FILE = b"\x89PNG\r\n\x1a\n\xff\x00"
BASE64 = base64.b64encode(FILE).decode()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Speaks HTTP to a server of the class."""
    directory = tmp_path_factory.mktemp("desk")
    (directory / "src").mkdir()
    (directory / "src" / "desk.py").write_text(SOURCE)
    routes = read_service(directory / "src", "desk:Desk").routes
    serve = {"workers": 1, "isolation": "thread", "dialects": ["v2", "torchserve", "seldon"]}
    write_bundle(directory, models=(), service="desk:Desk", routes=routes, serve=serve)
    started = Servers(tmp_path_factory.mktemp("servers"))
    running = started.start(directory)
    with running.client() as client:
        yield client
    started.stop()
    assert "/runtime/dialects/" not in running.log()


def infer(client, model, **values):
    """The data that v2 answers to BYTES in binary."""
    blobs = [b"".join(struct.pack("<I", len(x)) + x for x in each) for each in values.values()]
    inputs = [
        {"name": name, "shape": [len(each)], "datatype": "BYTES",
         "parameters": {"binary_data_size": len(blob)}}
        for (name, each), blob in zip(values.items(), blobs, strict=True)
    ]  # fmt: skip
    head = json.dumps({"inputs": inputs}).encode()
    size = {"inference-header-content-length": str(len(head))}
    answer = client.post(f"/v2/models/{model}/infer", content=head + b"".join(blobs), headers=size)
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"][0]["data"]


def test_rows_of_bytes_come_as_bytes_over_v2(client):
    """As those of a model do, and as a parameter of one file does."""
    assert infer(client, "demo", anything=[FILE, b"ab"]) == [10, 2]
    assert infer(client, "names", name=[b"a", b"b"], body=[FILE, b""]) == ["a 10", "b 0"]
    assert infer(client, "both", data=[FILE]) == [10]
    parameters = {"content_type": "base64"}
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [BASE64]}
    asked = {"inputs": [tensor | {"parameters": parameters}]}
    assert client.post("/v2/models/demo/infer", json=asked).json()["outputs"][0]["data"] == [10]


@pytest.mark.parametrize("name", ["data", "body"])
def test_the_file_of_a_form_is_the_whole_input(client, name):
    """`curl -F data=@kitten.jpg`, as TorchServe's pages have it, whatever the parameter is called."""
    for file in (("kitten.png", FILE), ("kitten", FILE), ("kitten.jpg", FILE, "image/jpeg")):
        told = client.post("/predictions/head", files={name: file})
        assert (told.status_code, told.content) == (200, FILE[:4]), told.text
        assert client.post("/predictions/demo", files={name: file}).json()["predictions"] == [10]


def test_a_parameter_of_that_name_is_no_whole(client):
    """The other parameters may stand beside it, and need not."""
    assert client.post("/predictions/both", files={"data": FILE}).json() == 10
    told = client.post("/predictions/both", files={"data": FILE}, data={"times": "3"})
    assert told.json() == 30
    assert client.post("/predictions/head", files={"other": FILE}).status_code == 400
    nested = ("x", b"--a--", "multipart/form-data; boundary=a")
    assert client.post("/predictions/head", files={"data": nested}).status_code == 400


def test_a_text_is_the_whole_input(client):
    """`curl -T sample.txt`, which says no content type; JSON stays what it is."""
    assert client.put("/predictions/shout", content="héllo".encode()).text == "HÉLLO"
    assert client.post("/predictions/shout", data={"data": "hello"}).text == "HELLO"
    assert client.post("/predictions/shout", files={"data": ("a.txt", b"hi")}).text == "HI"
    assert client.post("/predictions/shout", json={"text": "ja"}).text == "JA"
    assert client.post("/predictions/shout", data={"text": "form"}).text == "FORM"
    assert client.put("/predictions/shout", content=b"\xff").status_code == 400
    assert client.put("/predictions/shout").status_code == 400, "no body is no text"


def test_one_text_or_file_goes_to_it_from_seldon(client):
    """It is answered in kind; who takes something else says so."""

    def ask(api, **message):
        answer = client.post(f"/seldon/n/{api}/api/v1.0/predictions", json=message)
        told = answer.json()
        told.pop("meta", None)
        return answer.status_code, told

    assert ask("shout", strData="héllo") == (200, {"strData": "HÉLLO"})
    head = base64.b64encode(FILE[:4]).decode()
    assert ask("head", binData=BASE64) == (200, {"binData": head})
    tensor = {"shape": [1], "values": [10.0]}
    assert ask("demo", binData=BASE64) == (200, {"data": {"names": [], "tensor": tensor}})
    assert ask("shout", binData=BASE64)[0] == ask("names", strData="x")[0] == 501
    assert ask("head", binData="?")[0] == ask("shout", strData=1)[0] == 400
