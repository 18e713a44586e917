"""The OpenAI-compatible face: who asks, which model, where to, and the bytes back."""
