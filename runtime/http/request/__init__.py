"""Request: what is read of one request and known of it: headers, body, name and times.

Every way through the server shares this, above and below ASGI.
"""
