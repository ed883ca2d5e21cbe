"""Generated files of a bundle: `server.py`, `sbom.cdx.json` and the copy of the runtime."""
