"""`python -m modelbundle.runtime [DIR]`: serve a bundle directory."""

import signal
import sys


def _main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until a supervisor obeys it
    try:
        from .server import main

        return main()
    except KeyboardInterrupt:  # also while the imports run
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(_main())
