"""Benchmarks: ratios of programs that run on the same machine; absolute figures don't apply to other machines."""
