"""The container engines of this machine: Docker, Podman, Buildah.

They are found as their own command lines would find them. They build from a Containerfile, or are
handed an image whose layers were made here and only keep it.
"""
