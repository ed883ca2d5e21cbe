"""Connection: HTTP/1.1 with limits on what a client may send."""
