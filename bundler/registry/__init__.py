"""Registries: models and bundles travel to OCI registries and shared directories, and back."""
