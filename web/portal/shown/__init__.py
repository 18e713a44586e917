"""What the pages show, made of what the gateway knows. Pure."""
