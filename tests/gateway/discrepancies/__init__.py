"""Tests of discrepancies."""
