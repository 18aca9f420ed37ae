"""Isolated registries for tests: the world of each run, its clock, and the life events of its people."""
