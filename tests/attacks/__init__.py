"""Attacks that succeeded in November 2026, one file each: every test here fails without its fix."""
