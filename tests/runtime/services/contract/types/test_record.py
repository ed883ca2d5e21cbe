"""Records: what their schemas say is what is read."""

import pydantic

from modelbundle.runtime.services.contract.types.annotation import decoder

TEXT = {"type": "string"}


def test_bytes_of_a_pydantic_model_are_text_as_pydantic_reads_them():
    """It takes no base64, unless the author's `val_json_bytes` says so."""

    class Upload(pydantic.BaseModel):
        body: bytes
        more: list[bytes] = pydantic.Field(default=[])
        hint: bytes | None = None
        either: bytes | str = ""
        pair: tuple[bytes, bytes] = (b"", b"")

    read = decoder(Upload)

    fields = read.spec.schema["properties"]
    assert fields["body"] == TEXT
    assert fields["more"] == {"type": "array", "items": TEXT}
    assert fields["hint"] == {"anyOf": [TEXT, {"type": "null"}]}
    assert fields["either"] == {"anyOf": [TEXT], "default": ""}
    assert fields["pair"]["prefixItems"] == [TEXT, TEXT]
    assert read.read({"body": "aGk=", "more": ["é"]}, "").body == b"aGk="
    assert read.read({"body": b"\xff"}, "").body == b"\xff"  # the file of a form
