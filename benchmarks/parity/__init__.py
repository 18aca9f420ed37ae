"""Parity: with which readings of C06 the gateway works, found by running the main job against each."""
