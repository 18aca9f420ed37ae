"""The evidence."""
