"""Which instance made which response: a response can be asked for again only where it was made."""
