"""What the load generator of `bundle bench` can ask for at most, and how late it is.

    python benchmarks/load_generator.py

The server is a bare uvloop protocol that writes one constant answer, on core 0; the generator has
the other. Closed loop with 1 to 128 clients, open loop at given rates.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time

from modelbundle.bundler.benching.generator.generator import Generator
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.bundler.benching.generator.tally import quantile
from modelbundle.bundler.benching.subject.bench_request import BenchRequest

BODY = b'{"predictions":[[2.0,4.0]]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    BODY
)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, _):
        self.transport.write(HEAD + BODY)


def serve(port):
    """Answer for ever."""
    import uvloop

    async def main():
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(main())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(port)])
    os.sched_setaffinity(server.pid, {0})
    try:
        time.sleep(1)
        measure(port, given.seconds)
    finally:
        server.terminate()
        server.wait()


def measure(port, seconds):
    loads = [Load(clients=clients, seconds=seconds) for clients in (1, 8, 32, 64, 128)]
    loads += [Load(1024, rate, seconds=seconds) for rate in (1000, 10_000, 50_000)]
    print("| load | requests/s | p50 us | p99 us | late p99 us | its share | starved |")
    print("|---|---|---|---|---|---|---|")
    with Generator() as generator:
        bench_request = BenchRequest(b'{"instances":[[1.0,2.0]]}', answer=BODY)
        generator.aim(("127.0.0.1", port), "/predict", [bench_request])
        for load in loads:
            tally = generator.run(load)
            assert not tally.errors, tally
            assert not tally.wrong, tally
            ordered = tally.ok.sorted()
            p50, p99 = (quantile(ordered, share) * 1e6 for share in (0.5, 0.99))
            late = quantile(tally.lags.sorted(), 0.99) * 1e6
            print(
                f"| {load.label} | {tally.finished / tally.seconds:,.0f} | {p50:,.0f} | {p99:,.0f} "
                f"| {late:,.0f} | {tally.cpu / tally.wall:.2f} | {tally.starved / tally.wall:.2f} |"
            )


if __name__ == "__main__":
    main()
