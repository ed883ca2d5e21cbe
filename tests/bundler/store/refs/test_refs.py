"""Refs: what is accepted stays inside the store and reads back; races have one winner."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.bundler.errors import InvalidTag, Refused
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files import record
from modelbundle.bundler.store.refs.refs import Refs

NASTY = st.sampled_from(
    [".", "..", "../x", "a/b", "/etc", "@x", "latest", "LATEST", "CON", "é", "e\u0301", "a\0"]
)
NAME = st.one_of(
    st.text(max_size=12), NASTY, st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True)
)
VERSION = st.one_of(
    st.text(max_size=12), NASTY, st.from_regex(r"[A-Za-z0-9][\w.+-]{0,9}", fullmatch=True)
)


@settings(max_examples=60)
@given(st.lists(st.tuples(NAME, VERSION, VERSION), max_size=3))
def test_accepted_names_stay_inside_and_read_back(saver, triples):
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory, "store")
        save = saver(Store(root))
        saved = {}
        for name, version, alias in triples:
            try:
                item = save(name, files={"w": version.encode()}, version=version, aliases=[alias])
            except (InvalidTag, Refused):
                continue
            saved[item.tag] = item
        assert {path.name for path in Path(directory).iterdir()} <= {"store"}
        for tag, item in saved.items():
            assert save.store.find(tag).digest == item.digest
            assert save.store.find(f"model:{tag}").digest == item.digest
        assert {item.tag for item in save.store.items("model")} == set(saved)
        assert save.store.verify() == []
        folded = {tag.casefold() for tag in saved}
        assert len(folded) == len(saved)


@given(
    st.dictionaries(
        st.text(), st.one_of(st.none(), st.booleans(), st.integers(0, 2**53), st.text())
    )
)
def test_a_record_reads_back(data):
    assert record.decode(record.encode(data)) == data


CLAIM = """
import sys
from pathlib import Path
from modelbundle.bundler.errors import Refused
from modelbundle.bundler.store import Store
from modelbundle.bundler.store.refs.refs import Refs
store, me = Store(Path(sys.argv[1])), sys.argv[2].encode()
sys.stdin.readline()
won = 0
for n in range(25):
    try:
        won += store.commit("model", f"m{n}", b'"%s"' % me, [], version="1").aliases == ("latest",)
    except Refused:
        pass
    store.commit("model", "busy", b'"%s %d"' % (me, n), [])
    assert store.find("busy").sequence > n
print(won)
"""


def test_of_eight_who_claim_one_version_one_wins_and_nothing_is_lost(tmp_path):
    root = tmp_path / "store"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, root, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(8)
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate() for child in children]
    assert [error for _, error in answers] == [""] * 8
    assert sum(int(out) for out, _ in answers) == 25
    store = Store(root)
    items = store.items("model")
    assert len(items) == 25 + 8 * 25
    assert len({item.sequence for item in items}) == len(items)
    assert store.verify() == []
    assert store.find("busy").sequence == max(i.sequence for i in items if i.name == "busy")
    index = (root / "index.json").read_text()
    assert index.count("artifactType") == len(items) + 26


def test_a_name_deleted_in_the_moment_it_is_saved_again_is_saved(store, save, monkeypatch):
    item = save()
    renew = Refs._renew

    def deleted(self, temporary, path, existing, new):
        monkeypatch.undo()
        shutil.rmtree(path.parent)
        return renew(self, temporary, path, existing, new)

    monkeypatch.setattr(Refs, "_renew", deleted)
    assert save().tag == item.tag
    assert store.find("iris").digest == item.digest
    assert store.verify() == []
