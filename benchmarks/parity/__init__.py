"""Parity: which readings of C06 the gateway bears, found out by running the main job against each."""
