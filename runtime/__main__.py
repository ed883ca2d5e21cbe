"""`python -m modelbundle.runtime [DIR]`: serve a bundle directory."""

import sys

from .server import main

if __name__ == "__main__":
    sys.exit(main())
