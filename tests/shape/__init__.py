"""Tests of the code's shape: layers, sizes, names, generated files."""
