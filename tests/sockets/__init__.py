"""Tests with programs on real loopback sockets."""
