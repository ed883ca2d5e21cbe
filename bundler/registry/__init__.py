"""Push and pull of models and bundles: OCI registries, shared directories, buckets."""
