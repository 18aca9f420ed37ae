"""Accounts as C06 issues them, and every authorisation layer."""
