"""`python -m modelbundle.runtime [DIR]`: serve a bundle directory."""

import os
import signal
import sys


def _main() -> int:
    if os.getpid() == 1:  # for which SIGTERM does nothing by itself: `docker stop` would wait
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # until a supervisor obeys it
    try:
        from .server import main

        return main()
    except KeyboardInterrupt:  # also while the imports run
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(_main())
