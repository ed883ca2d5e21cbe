"""What every bundle carries: loads, batches, answers. Imports nothing above itself."""
