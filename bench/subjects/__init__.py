"""What is measured: each starts on the proxy's core, in front of the one upstream."""
