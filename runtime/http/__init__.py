"""HTTP: requests in, answers out, the contract and the pages for people."""
