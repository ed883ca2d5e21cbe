"""What a build writes into a bundle beside the models and the sources.

`server.py`, `sbom.cdx.json` and the runtime that every bundle carries.
"""
