"""What the gateway says to the registry, and what it takes from it."""
