"""Makes the lock of a project, or keeps it while the digest of its inputs is unchanged."""
