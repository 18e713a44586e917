"""`make crashloop`: the gateway dies at named places, and squeue and the database still agree."""
