"""The lock that lets exactly one fleet process act, whatever hosts the gateways run on."""
