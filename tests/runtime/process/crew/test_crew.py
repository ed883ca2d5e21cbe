"""Crews: those who serve together, of which not all may be able to begin."""

import os
import resource
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.crew.crew import Crew, FrontSlot, ModelSlot
from modelbundle.runtime.process.supervising.supervisor import Supervisor

from ...conftest import Sums, wait_until
from ..supervising.test_supervisor import Pretended
from ..watched import alive, children, descriptors, metric

LOAD = "/v2/repository/models/sums/load"
UNLOAD = "/v2/repository/models/sums/unload"


class OneByOne(Sums):
    """Is loaded at once by whoever comes first; all others wait, and are told how it goes on."""

    def __getstate__(self):
        return {"some": "state"}

    def __setstate__(self, state):
        import os
        import time
        from pathlib import Path

        turns = Path(os.environ["TURNS"])
        try:
            (turns / "first").open("x").write(str(os.getpid()))
        except FileExistsError:
            while not (turns / "go").exists():
                time.sleep(0.01)
            if (turns / "go").read_text() == "fail":
                raise RuntimeError("there is only one of me") from None


class Turns:
    """Tells processes that load how it goes on."""

    def __init__(self, directory):
        self.directory = directory

    @property
    def first(self):
        return int((self.directory / "first").read_text())

    def go(self, how):
        (self.directory / "new").write_text(how)
        (self.directory / "new").rename(self.directory / "go")

    def begin_anew(self):
        (self.directory / "go").unlink()
        (self.directory / "first").unlink()


@pytest.fixture
def turns(tmp_path_factory):
    return Turns(tmp_path_factory.mktemp("turns"))


@pytest.fixture
def half(make_bundle, servers, turns):
    """A server one of whose two fronts serves, while the other loads."""
    environment = {"TURNS": str(turns.directory)}
    options = ("--workers=2", "--isolation=thread")
    bundle = make_bundle(OneByOne(), model_control="explicit")
    return servers.start(bundle, *options, env=environment)


def test_who_serves_goes_on_where_another_cannot_begin(half, turns, callers):
    with callers(half, 4) as asked:
        turns.go("fail")
        wait_until(lambda: half.log().count("there is only one of me") >= 2)
        before = asked.answered
        wait_until(lambda: asked.answered > before)
        assert "starting another" in half.log()
        assert metric(half, "bundle_ready_workers") == 1
        turns.go("on")
        wait_until(lambda: metric(half, "bundle_ready_workers") == 2)
    assert asked.failures == []


def test_nobody_waits_for_a_model_to_come_or_go_where_a_front_keeps_dying(half, turns):
    turns.go("fail")
    with half.client() as client:
        for path in (LOAD, UNLOAD):
            refused = client.post(path)
            assert refused.status_code >= 500
            assert "a process of the server keeps dying" in refused.text
        assert client.post("/predict", json={"instances": [[1, 2]]}).status_code == 200
        turns.go("on")
        wait_until(lambda: metric(half, "bundle_ready_workers") == 2)
        assert client.post(LOAD).status_code == 200


def test_who_serves_goes_on_where_another_is_killed_while_it_begins(half, turns, callers):
    late = next(pid for pid in children(half.process.pid) if pid != turns.first)
    with callers(half, 4) as asked:
        os.kill(late, signal.SIGKILL)
        wait_until(lambda: not alive(late))
        turns.go("on")
        wait_until(lambda: metric(half, "bundle_ready_workers") == 2)
    assert asked.failures == []


def is_asked(pid, server):
    """Whether a client is connected with this very process."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = [line for line in lines if line[1].endswith(f":{server.port:04X}") and line[3] == "01"]
    sockets = {f"socket:[{line[9]}]" for line in own}
    held = set()
    with suppress(FileNotFoundError):  # it may be closed while we look
        held = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
    return bool(held & sockets)


def test_what_a_crew_has_taken_that_cannot_take_over_is_answered(half, turns):
    turns.go("on")
    wait_until(lambda: metric(half, "bundle_ready_workers") == 2)
    before, failures = set(children(half.process.pid)), []
    turns.begin_anew()
    is_over = threading.Event()

    def come_and_go():
        while not is_over.is_set():
            try:
                if half.post([[-2, 1]]).json() != {"predictions": [-1.0]}:  # it takes a while
                    failures.append("another answer")
            except httpx.TransportError as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    half.process.send_signal(signal.SIGHUP)
    wait_until(lambda: metric(half, "bundle_ready_workers") == 3)
    wait_until(lambda: is_asked(turns.first, half))
    turns.go("fail")
    wait_until(lambda: "The restart failed, and the old processes go on" in half.log())
    wait_until(lambda: set(children(half.process.pid)) == before)
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_restart_that_is_asked_for_while_a_crew_begins_follows_it(half, turns, callers):
    first = set(children(half.process.pid))
    # Until the one that loads has heard of the other it lets clients in, and tells them to wait.
    wait_until(lambda: {half.post([[1, 2]]).status_code for _ in range(20)} == {200})
    with callers(half, 4) as asked:
        wait_until(lambda: asked.answered > 10)
        half.process.send_signal(signal.SIGHUP)  # one of the two still loads
        turns.go("on")
        wait_until(lambda: half.log().count("The new processes serve") == 1)
        wait_until(lambda: len(now := set(children(half.process.pid))) == 2 and not now & first)
        turns.begin_anew()
        half.process.send_signal(signal.SIGHUP)
        wait_until((turns.directory / "first").exists)
        half.process.send_signal(signal.SIGHUP)
        half.process.send_signal(signal.SIGHUP)
        turns.go("on")
        wait_until(lambda: half.log().count("The new processes serve") == 3)
    assert asked.failures == []
    assert half.log().count("Restarting:") == 3


class Staffed(Pretended):
    """Two fronts with a model each."""

    def __init__(self, front, model, *, has_predecessor=False):
        super().__init__(front, fronts=2)
        self.model = model
        self.has_predecessor = has_predecessor

    def new_crew(self, number):
        return Crew([FrontSlot(at, at, [ModelSlot("some")]) for at in range(self.fronts)])


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


def test_a_model_that_dies_while_another_front_begins_is_replaced(tmp_path):
    def front(post, on_ready):
        if post.index == 0:
            on_ready()
            (tmp_path / "serves").touch()
            wait_for(tmp_path / "replaced")
            os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(30)

    def model(post, on_ready):
        if post.front.index == 0 and post.generation == 1:
            wait_for(tmp_path / "serves")
            os._exit(3)
        if post.front.index == 0:
            (tmp_path / "replaced").touch()
        time.sleep(30)

    assert Supervisor(Staffed(front, model), grace=1).run() == 0


def test_a_server_that_cannot_take_over_says_why_once_what_it_took_is_answered(tmp_path):
    def front(post, on_ready):
        if post.index == 1:
            wait_for(tmp_path / "serves")
            os._exit(3)
        heard = []
        post.control.front.on_event = lambda event: heard.append(event["event"])
        on_ready()
        (tmp_path / "serves").touch()
        while "leave" not in heard:
            post.control.front.read()
            time.sleep(0.01)
        (tmp_path / "left").touch()
        return 0

    duties = Staffed(front, lambda *_: time.sleep(30), has_predecessor=True)
    with pytest.raises(BundleError, match="Worker 1 ended with exit code 3 while it was loading"):
        Supervisor(duties, grace=1).run()
    assert (tmp_path / "left").exists()


def test_where_there_is_no_room_for_another_crew_the_old_one_goes_on(sums, servers, callers):
    server = servers.start(sums(), "--workers=1")
    before, open_ones = children(server.process.pid), descriptors(server.process.pid)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (open_ones + 1, 1024))
    with callers(server, 4) as asked:
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "The restart failed, and the old processes go on" in server.log())
        assert children(server.process.pid) == before
        wait_until(lambda: descriptors(server.process.pid) == open_ones)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not set(before) & set(children(server.process.pid)))
    assert asked.failures == []
