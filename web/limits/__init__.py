"""How much each key, user, group and model may be used, and whether there is room left."""
