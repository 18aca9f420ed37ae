"""Tests of the demo's steps."""
