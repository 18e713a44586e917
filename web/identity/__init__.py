"""Who asks: API keys, and what their owners may use."""
