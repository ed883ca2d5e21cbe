"""HTTP of the client: connections, requests, replies, retries."""
