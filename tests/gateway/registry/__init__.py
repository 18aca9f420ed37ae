"""The client of the registry: what it sends, and what it accepts."""
