"""How many processes, of which kind, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.process.machine import topology
from modelbundle.runtime.process.machine.topology import Machine, Probe, Topology, chosen

GIB = 1 << 30
MIB = 1 << 20
ROOMY = Machine(cores=8, memory=64 * GIB)
SMALL = Probe(alpha=50e-6, beta=2e-6, rss=60 * MIB, has_threads=False)
BIG = Probe(alpha=0.001, beta=0.02, rss=500 * MIB, has_threads=False)


def begun(machine):
    return topology.first("auto", machine, is_threaded=False)


def test_it_starts_small_and_stays_so_on_one_core():
    assert begun(ROOMY).size == (1, 1)
    assert not begun(ROOMY).is_settled
    assert begun(Machine(1, GIB)).is_settled


def test_a_model_that_is_quicker_than_a_request_gets_fronts():
    found = chosen(begun(ROOMY), ROOMY, SMALL)
    assert (found.kind, found.size, found.threads) == ("A", (4, 1), 1)
    assert "0.052 ms" in found.why
    assert found.is_settled


def test_a_model_that_takes_long_gets_processes_behind_one_batcher():
    found = chosen(begun(ROOMY), ROOMY, BIG)
    assert (found.kind, found.size, found.threads) == ("B", (1, 8), 1)


def test_a_library_that_uses_all_cores_is_left_alone():
    found = chosen(begun(ROOMY), ROOMY, Probe(0.001, 0.02, 500 * MIB, has_threads=True))
    assert found.size == (1, 1)
    assert "uses all cores" in found.why


def test_nothing_grows_when_memory_is_short():
    short = Machine(cores=8, memory=900 * MIB)
    found = chosen(begun(short), short, BIG)
    assert found.size == (1, 1)
    assert "900 MiB of memory" in found.why


def test_it_grows_where_one_more_fits_beside_what_runs():
    """Into a share of what is available: the old one is there until the new ones are."""
    fits = int(2 * BIG.rss / topology.SHARE) + 1
    for memory, size in ((fits - 2, (1, 1)), (fits, (1, 2))):
        machine = Machine(cores=8, memory=memory)
        assert chosen(begun(machine), machine, BIG).size == size
    tight = Machine(8, int(2 * SMALL.rss / topology.SHARE) + 1)
    assert chosen(begun(tight), tight, SMALL).size == (2, 1)


def test_a_service_has_its_models_in_its_own_processes():
    """Which share the cores, where there is no GPU for each."""
    for workers, gpus, fronts, threads in (
        ("auto", 0, 1, None), (3, 0, 3, 2), (8, 0, 8, 1), (20, 0, 20, 1), ("auto", 2, 2, None),
        (4, 2, 4, None), (1, 0, 1, None),
    ):  # fmt: skip
        found = topology.with_service(workers, Machine(8, GIB, gpus))
        assert (found.size, found.threads, found.most_fronts) == ((fronts, 1), threads, fronts)
        assert found.is_settled


def test_what_was_asked_for_is_what_one_gets():
    found = topology.first(3, ROOMY, is_threaded=False)
    assert (found.size, found.threads, found.is_settled) == ((3, 1), 2, True)
    assert topology.first(1, ROOMY, is_threaded=False).threads is None


def test_gpus_have_a_process_each_behind_one_front():
    assert topology.first("auto", Machine(8, GIB, gpus=1), is_threaded=False).kind == "C"
    found = topology.first("auto", Machine(8, GIB, gpus=4), is_threaded=False)
    assert (found.kind, found.size) == ("D", (1, 4))


def test_a_gpu_has_as_many_processes_as_were_asked_for():
    found = topology.first(2, Machine(8, GIB, gpus=1), is_threaded=False)
    assert (found.kind, found.size) == ("C", (1, 2))


def test_threads_are_one_process_or_as_many_as_were_asked_for():
    assert topology.first("auto", ROOMY, is_threaded=True).size == (1, 1)
    assert topology.first(2, ROOMY, is_threaded=True).size == (2, 1)
    assert topology.first("auto", Machine(8, GIB, gpus=2), is_threaded=True).fronts == 2


@given(
    st.builds(Machine, st.integers(2, 256), st.integers(0, 1 << 40)),
    st.builds(
        Probe,
        st.floats(0, 10),
        st.floats(0, 10),
        st.integers(1, 1 << 36),
        st.booleans(),
    ),
)
def test_it_never_wants_more_than_there_is(machine, probe):
    before = begun(machine)
    found = chosen(before, machine, probe)
    fronts, replicas = found.size
    assert 1 <= fronts <= before.most_fronts <= machine.cores, "the counters have room for as many"
    assert 1 <= replicas <= machine.cores
    assert 1 in found.size
    if found.size != (1, 1):
        assert (1 + fronts * replicas) * probe.rss <= 2 * machine.memory
    assert found.is_settled


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Topology("A", why="x"), "1 front, 1 process of each model: x"),
        (Topology("A", 2, why="x"), "2 fronts, each with 1 process of each model: x"),
        (Topology("D", 1, 3, why="x"), "1 front, 3 processes of each model: x"),
        (Topology("thread", 2, why="x"), "2 fronts, each with the models in its threads: x"),
    ],
)
def test_it_says_itself_in_words(given, said):
    assert str(given) == said


@pytest.mark.parametrize(
    ("fronts", "replicas", "kind", "cores", "expected"),
    [
        (1, 1, "A", 1, True),
        (1, 1, "A", 2, False),
        (2, 1, "A", 2, True),
        (2, 1, "A", 4, False),
        (1, 8, "B", 8, False),
        (1, 1, "C", 1, False),
        (3, 1, "service", 4, True),
        (1, 1, "thread", 1, True),
    ],
)
def test_a_front_and_its_model_may_have_one_core_between_them(
    fronts, replicas, kind, cores, expected
):
    assert Topology(kind, fronts, replicas).is_crowded(cores) == expected
