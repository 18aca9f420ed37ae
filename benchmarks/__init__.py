"""Benchmarks: ratios of things run side by side on one machine, never a bare figure to be believed elsewhere."""
