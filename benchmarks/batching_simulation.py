"""Prints what the batcher does to latency and throughput, in simulated time, beside the textbook.

python benchmarks/batching_simulation.py
"""

from modelbundle.tests.runtime.batching.simulation import (
    Closed,
    Machine,
    Open,
    Outcome,
    greedy,
    marginal,
    run_batcher,
    run_policy,
    waiter,
)

SLO = 0.05  # seconds
WAIT = 0.005  # seconds


def main() -> None:
    """Print the three tables of docs/batching.md."""
    gpu, cpu = Machine(), Machine(alpha=0.0005, beta=0.00002)
    for name, machine in (("a = 5 ms, b = 0.2 ms", gpu), ("a = 0.5 ms, b = 0.02 ms", cpu)):
        print(f"{name}, {machine.most} rows at most, {machine.capacity:.0f} rows/s")
        open_loop(machine)
        closed_loop(machine)
    overload(gpu)


def open_loop(machine: Machine) -> None:
    """Independent clients: p50 / p99 in milliseconds."""
    print("\nopen loop, p50/p99 ms    batcher        greedy     wait 5 ms     r < lambda a")
    for load in (0.05, 0.3, 0.6, 0.85):
        traffic = Open(load * machine.capacity)
        outcomes = [
            run_batcher(traffic, machine),
            run_policy(greedy, traffic, machine),
            run_policy(waiter(WAIT), traffic, machine),
            run_policy(marginal(machine.alpha, SLO), traffic, machine),
        ]
        print(f"  load {load:4.0%}       ", *(f"{latency(o):>14}" for o in outcomes))


def closed_loop(machine: Machine) -> None:
    """Clients in a closed loop: rows a second and p99."""
    print("\nclosed loop, rows/s @ p99 ms  batcher        greedy     wait 5 ms     r < lambda a")
    for clients in (1, 4, 8, 16, 32, 64, 128):
        for think in (0.0003, 0.02):
            traffic = Closed(clients, think)
            outcomes = [
                run_batcher(traffic, machine),
                run_policy(greedy, traffic, machine),
                run_policy(waiter(WAIT), traffic, machine),
                run_policy(marginal(machine.alpha, SLO), traffic, machine),
            ]
            label = f"  {clients:3d} clients {think * 1e3:4.1f} ms"
            print(label, *(f"{rate(o):>14}" for o in outcomes))
    print()


def overload(machine: Machine) -> None:
    """More than the machine can do: answers within the limit a second, and who was refused."""
    print(f"within {SLO * 1e3:.0f} ms, answers/s of {machine.capacity:.0f}   refused")
    for label, traffic in (
        ("120 %", Open(1.2 * machine.capacity)),
        ("500 %", Open(5 * machine.capacity)),
        ("60 % in bursts", Open(0.6 * machine.capacity, on=0.4)),
    ):
        late = run_policy(greedy, traffic, machine)
        ours = run_batcher(traffic, machine, slo=SLO)
        print(
            f"  {label:15} batcher {ours.goodput(SLO):5.0f}  greedy {late.goodput(SLO):5.0f}"
            f"   {dict(ours.refused)}"
        )


def latency(outcome: Outcome) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"{outcome.quantile(0.5) * 1e3:.1f}/{outcome.quantile(0.99) * 1e3:.1f}"


def rate(outcome: Outcome) -> str:
    """Answers a second and their 99th percentile in milliseconds."""
    return f"{outcome.throughput:.0f} @ {outcome.quantile(0.99) * 1e3:.1f}"


if __name__ == "__main__":
    main()
