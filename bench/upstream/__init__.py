"""An engine that costs next to nothing, so that what is measured is what stands in front of it."""
