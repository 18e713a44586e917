"""The gateway: who may ask, where the model runs, and the bytes between."""
