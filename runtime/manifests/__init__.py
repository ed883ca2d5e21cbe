"""Manifests: `model.json` and `bundle.json`, with every value checked.

Files by digest, the signature of each method, how a model computes and how a bundle is served.
"""
