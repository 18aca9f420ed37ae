"""Tests of the test portal."""
