"""The control face: what tests use, on loopback, with a token."""
