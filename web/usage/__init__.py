"""The accounts: tokens, requests and GPU-hours by key, user, model and hour."""
