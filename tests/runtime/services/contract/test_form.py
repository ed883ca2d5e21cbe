"""The parts of a form as the arguments of a method."""

import enum
import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from modelbundle.runtime.data.codecs.multipart import Part
from modelbundle.runtime.services.contract import form
from modelbundle.runtime.services.contract.body_reader import BodyReader
from modelbundle.runtime.services.contract.method import Contract
from modelbundle.runtime.services.contract.types.record import arguments


class Size(enum.Enum):
    SMALL = "1"
    LARGE = "2"


class Shop:
    def order(self, number: uuid.UUID, day: date, size: Size, price: Decimal, count: int) -> str:
        return ""


def test_what_json_has_in_a_string_is_text_however_much_it_looks_like_a_number():
    """A UUID, a date and the value of an Enum may be digits alone."""
    parameters = Contract.of(Shop.order).parameters
    digits = "12345678123456781234567812345678"
    given = {"number": digits, "day": "20240131", "size": "1", "price": "1.10", "count": "2"}
    parts = [Part(name, text.encode()) for name, text in given.items()]
    specs = {each.name: each.decoder.spec for each in parameters}
    read = arguments(form.values(parts, specs), parameters)
    assert read == {
        "number": uuid.UUID(digits),
        "day": date(2024, 1, 31),
        "size": Size.SMALL,
        "price": Decimal("1.10"),
        "count": 2,
    }


@dataclass
class Parcel:
    code: str
    picture: bytes
    count: int


def ship(self, parcel: Parcel) -> str:
    return ""


def test_fields_of_a_record_are_read_as_parameters_are():
    """A text of digits was a number, and a file no text."""
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, more, value in (
            ("code", "", "007"), ("picture", '; filename="a.png"', "\x89PNG"), ("count", "", "2"),
        )
    )  # fmt: skip
    reader = BodyReader(Contract.of(ship), 16, None, 1 << 20)
    body = (parts + "--x--\r\n").encode("latin-1")
    read = reader.read(body, "multipart/form-data; boundary=x")
    assert read == {"parcel": Parcel("007", b"\x89PNG", 2)}


def test_bytes_are_a_part_as_it_is_whether_or_not_it_is_a_file():
    """Without a file name it was read as base64, unlike a parameter of bytes."""
    parts = [Part("a", b"\x89PNG"), Part("b", b"SGk=", "b.bin")]
    assert form.rows(parts, "bytes") == [b"\x89PNG", b"SGk="]
    assert form.rows([Part("a", b"x", "a.txt"), Part("b", b"y")], "str") == ["x", "y"]
