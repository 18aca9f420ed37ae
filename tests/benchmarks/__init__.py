"""Tests of the benchmarks, which run outside the programs."""
