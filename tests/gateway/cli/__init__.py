"""The commands of gateway."""
