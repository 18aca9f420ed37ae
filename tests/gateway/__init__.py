"""Facts about the gateway."""
