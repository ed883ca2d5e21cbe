"""What other tools wrote: told by its content, looked at without running it, saved as ours."""
