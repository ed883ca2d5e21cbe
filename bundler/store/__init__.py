"""The store: content-addressed models and bundles, an OCI image layout on disk."""
