"""The Python client: typed from the server's contract, binary on the wire, with safe retries."""
