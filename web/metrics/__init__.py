"""Numbers for Prometheus, all from the database: every process and host tells the same."""
