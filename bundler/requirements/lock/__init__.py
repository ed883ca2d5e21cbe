"""`bundle.lock`: exact packages with their files, for each accelerator."""
