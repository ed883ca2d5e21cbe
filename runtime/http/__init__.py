"""HTTP: the server's routes, its OpenAPI document and its pages."""
