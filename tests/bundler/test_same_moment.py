"""The same, made by several processes in one moment: one version, one answer, no error."""

import os
import pickle
import traceback

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.building.building import build
from modelbundle.bundler.registry.pulling import Wanted, pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.saving.saving import save
from modelbundle.bundler.store import Store

SEVERAL = 4


class Doubler:
    """A model that any interpreter runs."""

    def predict(self, rows):
        return [[2 * number for number in row] for row in rows]


def together(action):
    """What each of several processes answers that begin at once."""
    gate, opened = os.pipe()
    children = [_child(gate, opened, action) for _ in range(SEVERAL)]
    os.close(gate)
    os.close(opened)  # the last one that held it: they are off
    answers = []
    for child, said in children:
        with os.fdopen(said, "rb") as pipe:
            data = pipe.read()
        assert os.waitpid(child, 0)[1] == 0
        answers.append(pickle.loads(data))
    return answers


def _child(gate, opened, action):
    answer, said = os.pipe()
    child = os.fork()
    if child:
        os.close(said)
        return child, answer
    status = 1
    try:
        os.close(opened)
        os.read(gate, 1)
        with os.fdopen(said, "wb") as pipe:
            pipe.write(pickle.dumps(action()))
        status = 0
    except BaseException:  # noqa: BLE001  the child says it by its status
        traceback.print_exc()
    finally:
        os._exit(status)


@pytest.fixture
def elsewhere(tmp_path):
    """A store of another machine, with a model."""
    store = Store(tmp_path / "elsewhere")
    return store, save("double", Doubler(), sample=[[1.0, 2.0]], store=store)


def one(home, kind, answers):
    """The only item of its kind, which all of them have answered with."""
    store = Store(home)
    (item,) = store.items(kind)
    assert {(tag, digest) for tag, digest, _ in answers} == {(item.tag, item.digest)}
    assert item.aliases == ("latest", "production")
    assert store.verify() == []
    assert store.gc().blobs == 0
    return item


def test_saves(home):
    def action():
        item = save("double", Doubler(), sample=[[1.0]], aliases=["production"], store=Store(home))
        return item.tag, item.digest, None

    item = one(home, "model", together(action))
    assert Store(home).trust.is_trusted(item.digest)


def test_saves_of_one_version(home):
    def action():
        given = {"version": "2.1", "aliases": ["production"], "store": Store(home)}
        item = save("double", Doubler(), sample=[[1.0]], **given)
        return item.tag, item.digest, None

    assert one(home, "model", together(action)).tag == "double:2.1"


def test_builds(home, add_model, locked_project):
    add_model()
    project = locked_project("name: flowers\nmodels: [iris]\n")

    def action():
        store = Store(home)
        made = build(project, store=store)
        store.alias(made.item, "production")
        return made.item.tag, made.digest, None

    item = one(home, "bundle", together(action))
    assert Store(home).trust.is_trusted(item.digest)


@pytest.mark.parametrize("how", ["import", "pull"])
def test_what_comes_from_elsewhere(home, elsewhere, tmp_path, how):
    theirs, item = elsewhere
    export_item(theirs, item, str(tmp_path / "double.tar"))
    push(item.tag, f"{tmp_path}/shared", theirs)

    def action():
        store = Store(home)
        if how == "import":
            came = import_item(store, str(tmp_path / "double.tar"), aliases=["production"]).item
        else:
            wanted = Wanted(aliases=("production",))
            came = pull(f"{tmp_path}/shared:{item.tag}", store, wanted=wanted).item
        return came.tag, came.digest, came.imported

    answers = together(action)
    came = one(home, "model", answers)
    assert (came.tag, came.digest) == (item.tag, item.digest)
    assert all(imported for _, _, imported in answers)
    assert not Store(home).trust.is_trusted(came.digest)
