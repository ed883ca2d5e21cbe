"""Faults and overload: what becomes of every single request.

    .venv/bin/python benchmarks/faults                  # all of it, about ten minutes
    .venv/bin/python benchmarks/faults crash hang       # some of it
    .venv/bin/python benchmarks/faults --soak 2400 soak

Clients never retry, every answer is compared with its request. The model takes 20 ms a call, so
that the clients' own speed does not matter.
"""

import argparse
import asyncio
import tempfile

import scenarios


def main():
    """Run what was asked for; a line or two each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=list(scenarios.ALL))
    parser.add_argument("--soak", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--rate", type=float, default=400.0, help="requests a second of the soak")
    parser.add_argument("--options", default="", help="for `bundle serve`")
    options = parser.parse_args()
    scenarios.SOAK = options.soak
    scenarios.RATE = options.rate
    scenarios.OPTIONS = options.options.split()
    for name in options.scenarios:
        with tempfile.TemporaryDirectory() as work:
            print(f"## {name}", flush=True)
            asyncio.run(scenarios.ALL[name](work))


if __name__ == "__main__":
    main()
