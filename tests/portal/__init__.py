"""The test portal."""
