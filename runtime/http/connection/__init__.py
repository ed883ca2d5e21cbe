"""Connection: the bytes of a connection as requests, under limits, and answers as bytes."""
