"""Isolated worlds for tests: people, journal, clock, duplicates."""
