"""Which models are asked for: noted by the gateway workers, read by the fleet process."""
