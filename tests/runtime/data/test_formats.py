"""Which formats are on, by what is wanted, installed and locked."""

import subprocess
import sys

import pytest

from modelbundle.bundler.requirements.requirements import FORMATS
from modelbundle.runtime.data import formats, media
from modelbundle.runtime.data.payload import answers, media_of
from modelbundle.runtime.errors import UnsupportedMediaType
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side


def test_what_is_wanted_and_installed_is_on():
    assert formats.on() == set(formats.NAMES)
    assert formats.on(["arrow"]) == {"arrow"}
    assert formats.on([]) == set()


def test_a_lock_says_which_a_server_will_have():
    assert formats.locked(None, ["numpy", "pyarrow"]) == {"arrow", "parquet"}
    assert formats.locked(["arrow", "msgpack"], ["pyarrow"]) == {"arrow"}


def test_the_lock_knows_a_package_for_each():
    assert set(FORMATS) == set(formats.NAMES)
    for each in formats.FORMATS:
        assert FORMATS[each.name].startswith(each.package)


def test_settings_keep_them_through_json():
    for wanted in (None, ("arrow", "parquet"), ()):
        settings = ServeSettings(formats=wanted)
        assert ServeSettings.from_json(settings.to_json()) == settings
    assert ServeSettings().wanted_formats is None
    assert ServeSettings(formats=()).wanted_formats == frozenset()


def test_pictures_are_listed_only_where_a_model_takes_them():
    pixels = Side("array", (Field("x", "uint8", (None, 8, 8, 3)),))
    floats = Side("array", (Field("x", "float32", (None, 8, 8, 3)),))
    assert media.PNG in media_of(pixels, formats.NAMES)
    for side in (floats, OBJECTS):
        assert media.PNG not in media_of(side, formats.NAMES)
    assert media.CSV not in media_of(OBJECTS, formats.NAMES)


def test_every_answer_that_can_be_wanted_can_be_given():
    assert set(answers(None)) == set(media.ANSWERS)
    assert answers(frozenset()) == (media.JSON, media.NPY, media.NPZ, media.CSV)


MISSING = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pyarrow" else found(name, *more)
from modelbundle.runtime.data import formats, media
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.errors import RequestError
from modelbundle.runtime.manifests.signature import OBJECTS
assert formats.on() == {"msgpack", "image"}
try:
    Codec(OBJECTS).decode(b"x", media.PARQUET)
except RequestError as error:
    print(error.status, error.detail)
try:
    Codec(OBJECTS).check(media.PARQUET)
except RequestError as error:
    print(error.status)
print(Codec(OBJECTS).encode([1], f"{media.PARQUET}, */*").content_type)
"""


def test_without_its_package_a_format_is_refused_by_its_name():
    done = subprocess.run(
        [sys.executable, "-c", MISSING], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "415 `application/vnd.apache.parquet` needs the package `pyarrow`, which this server does not have.",
        "406",
        "application/json",
    ]


def test_what_needs_no_package_is_never_refused():
    for kind in (media.JSON, media.NPY, media.NPZ, media.CSV, "application/unknown"):
        formats.check(kind, frozenset())
    with pytest.raises(UnsupportedMediaType):
        formats.check(media.MSGPACK, frozenset())


def test_a_server_that_nobody_asks_for_it_imports_none_of_it():
    code = "import sys, modelbundle.runtime.data.payload, modelbundle.runtime.http.app; print([m for m in ('pyarrow', 'msgpack', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
