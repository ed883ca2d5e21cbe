"""Manifests: what `model.json` and `bundle.json` say, with each word checked.

Files by digest, the signature of each method, how a model computes and how a bundle is served.
"""
