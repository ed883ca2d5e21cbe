"""`python -m modelbundle.runtime [DIR]`: serve a bundle directory."""

import signal
import sys


def _main() -> int:
    try:
        from .server import main

        return main()
    except KeyboardInterrupt:  # also while the imports run
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(_main())
