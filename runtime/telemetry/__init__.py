"""Numbers of all workers, counted in shared memory, told in Prometheus' text format."""
