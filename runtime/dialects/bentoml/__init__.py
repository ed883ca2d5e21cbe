"""BentoML's HTTP API."""
