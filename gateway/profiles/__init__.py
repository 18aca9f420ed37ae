"""Connection profiles: where each place reaches the registry."""
