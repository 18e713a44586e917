"""Pages for administrators; for everybody else they do not exist."""
