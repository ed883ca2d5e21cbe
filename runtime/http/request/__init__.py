"""Request: headers, body, id and times of a request; shared by the fast path and ASGI.

Every way through the server shares this, above and below ASGI.
"""
