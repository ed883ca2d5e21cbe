"""The contents of an archive: what its index declares, and what its digests prove."""
