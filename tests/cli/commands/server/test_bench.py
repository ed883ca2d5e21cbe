"""`bundle bench`: figures of a real server, told as a person and as a program read them."""

import json
import re
import signal
from pathlib import Path

import pytest

CURRENT = ("--env", "current")
SHORT = ("--clients", "2", "--rate", "none", "--seconds", "0.1")


def test_a_person_gets_a_table_bars_and_what_to_make_of_them(shop):
    told = shop("bench", "twice", *CURRENT, "--clients=2", "--rate=50%,200", "--seconds=0.2")

    lines = told.out.splitlines()
    assert re.match(
        r"load +requests/s +rows/s +p50 ms +p99 ms +p99.9 ms +errors +CPU us/req", lines[0]
    )
    assert lines[1].startswith("2 clients ")
    assert lines[2].startswith("50%: ")
    assert lines[3].startswith("200/s ")
    assert "█" in told.out
    assert re.search(r"costs .* (a row \(1 to \d+ rows|are not on a line)", told.out)
    assert "Batches of double.predict" in told.out
    assert "The generator used" in told.out
    assert "2 clients: " in told.err, "each round is told as it ends"
    assert told.err.splitlines()[-1] == "next: bundle serve twice"


def test_a_program_gets_one_object_of_a_running_server_that_is_left_running(shop):
    with shop.serving("twice", *CURRENT) as server:
        two = ("--clients=1,4", "--rate=none", "--seconds=0.2", "--rows=3")
        data = shop("bench", server.url, *two, "-q", "--json").json
        body = ("--route", "predict", "--data", "sample.json", "--json")
        given = shop("bench", server.url, *SHORT, *body).json
        pair = shop("bench", server.url, server.url, *SHORT, "--rounds=1", "--json").json
        assert server.process.poll() is None

    assert list(data)[:2] == ["tag", "digest"]
    assert (data["ok"], data["is_cut"], data["rows"], data["route"]) == (True, False, 3, "/predict")
    one, four = data["rounds"]
    assert (one["clients"], four["clients"]) == (1, 4)
    for each in (one, four):
        assert each["requests_per_second"] > 0
        assert each["rows_per_second"] == pytest.approx(3 * each["requests_per_second"], rel=1e-3)
        assert 0 < each["p50_ms"] <= each["p99_ms"] <= each["p999_ms"]
        assert (each["errors"], each["wrong"]) == (0, 0)
        assert each["memory_bytes"] > 1 << 20
        assert each["server_cpu_us_per_request"] is not None, "its processes are ours"
    assert data["capacity"] == max(one["requests_per_second"], four["requests_per_second"])
    assert data["cost"]["source"] == "batches"
    assert data["batches"][0]["mean_rows"] >= 3
    assert data["time"].keys() == {"queue_ms", "model_ms", "server_ms", "outside_ms"}
    assert data["advice"]
    assert given["rows"] == 2
    assert given["cost"] is None, "a given body has the rows that it has"
    assert pair["first"]["tag"] == data["tag"]
    (load,) = pair["loads"]
    assert load["ratios"]["rate"]["is_noise"], "one pair knows nothing of its noise"


def test_two_targets_are_compared_in_turns(shop):
    told = shop("bench", "twice", "model:double", *CURRENT, *SHORT, "--rounds=2")

    turns = [line[0] for line in told.err.splitlines() if re.match("[AB], 2 clients", line)]
    assert turns == list("ABBA")
    assert f"A = {shop.tag}, B = {shop.model}" in told.out
    assert re.search(
        r"2 clients +requests/s +[\d,]+ +[\d,]+ +\d+\.\d\d +(\d\S+ to \d|unknown)", told.out
    )


def test_ctrl_c_prints_what_there_is_and_stops_the_server(shop, eventually):
    long = ("bench", "twice", *CURRENT, "--clients=1,2,3,4,5,6,7,8", "--rate=none", "--seconds=0.5")
    with shop.started(*long) as (process, talk):
        eventually(lambda: any(line.startswith("1 client: ") for line in talk), 60)
        server = _children(process.pid, "modelbundle.runtime")
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
        out = process.stdout.read()
    assert re.search(r"^1 client +[\d,]+ ", out, re.MULTILINE)
    assert "8 clients" not in out
    assert "error: Interrupted; this is what had been measured by then.\n" in talk
    assert server
    assert not any(Path(f"/proc/{pid}").exists() for pid in server)


def test_an_early_end_gives_a_program_one_object(shop, eventually):
    long = ("bench", "twice", *CURRENT, "--clients=1,2,3,4,5,6,7,8", "--seconds=0.5", "--json")
    with shop.started(*long) as (process, talk):
        eventually(lambda: any(line.startswith("1 client: ") for line in talk), 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 143
        data = json.loads(process.stdout.read())
    assert [data["tag"], data["digest"]] == [shop.tag, shop.built["digest"]]
    assert (data["exit_code"], data["is_cut"]) == (143, True)
    assert data["rounds"][0]["requests_per_second"] > 0
    gone = shop("predict", data["url"], stdin="[[1, 2]]", code=1)
    assert "does not answer" in gone.err, "the server ends with the command"


def test_a_server_that_does_not_start_is_told_in_its_own_words(bundle, plain):
    (plain / "train.py").write_text(
        "class Breaks:\n"
        "    def predict(self, rows):\n        return rows\n"
        "    def __setstate__(self, state):\n        raise ValueError('too old')\n"
        "model = Breaks()\nmodel.size = 1\n"
    )
    bundle("save", "breaks", "train:model")
    (plain / "rows.json").write_text("[[1]]")

    failed = bundle("bench", "model:breaks", "--data", "rows.json", code=1)

    assert "too old" in failed.err
    assert failed.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, "nowhere"),
        (["twice", "--route=other"], 1, "It has `/predict`"),
        (["twice", "--clients=0"], 2, "1,8,64"),
        (["twice", "--rate=fast"], 2, "50%,80%"),
        (["a", "b", "c"], 2, "at most two"),
        (["http://127.0.0.1:1"], 1, "cannot be read"),
        (["http://192.0.2.1"], 5, "--remote"),
        (["https://127.0.0.1"], 1, "http://"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_said_at_once(arguments, code, words, shop):
    assert words in shop("bench", *arguments, code=code).err


def test_a_service_needs_a_body(shop, bundle, tmp_path):
    (tmp_path / "service.py").write_text(
        "import modelbundle as mb\n\n\n"
        "@mb.service\nclass Twice:\n"
        "    def __init__(self):\n        self.model = mb.model('double')\n\n"
        "    @mb.api\n    def say(self, text: str) -> str:\n        return text + text\n"
    )
    (tmp_path / "bundlefile.yaml").write_text(
        "name: said\nmodels: [double]\nservice: service:Twice\ninclude: [service.py]\n"
    )
    (tmp_path / "body.json").write_text('{"text": "ab"}')
    home = {"BUNDLE_HOME": str(shop.home)}

    unsaid = bundle("bench", ".", code=1, **home)
    told = bundle("bench", ".", *CURRENT, *SHORT, "--data=body.json", **home)

    assert "no recorded samples for `/say`" in unsaid.err
    assert "each answer was compared with the first one" in told.out


def _children(pid, word):
    """The processes below `pid` whose command line has `word`."""
    below = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    named = [each for each in below if word in Path(f"/proc/{each}/cmdline").read_text()]
    return named + [each for child in below for each in _children(child, word)]
