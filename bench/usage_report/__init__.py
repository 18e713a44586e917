"""How long `kscope usage` takes over a million rows of ten thousand keys."""
