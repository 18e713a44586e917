"""Code to copy that works: one renderer per client, pure. `clients.CLIENTS` lists them."""
