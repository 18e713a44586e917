"""The description of the gateway's own interface, in OpenAPI 3.1."""
