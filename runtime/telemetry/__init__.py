"""Metrics of all processes, in shared memory and in Prometheus' text format; traces."""
