"""Load where wrk cannot look: the time of every event, clients that leave, stock SDKs."""
