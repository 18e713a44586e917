"""The pages: what a browser sees of the gateway."""
