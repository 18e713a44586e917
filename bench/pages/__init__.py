"""How long the gateway takes for each page of the portal, over as much as a large site has."""
