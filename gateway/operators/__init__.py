"""Operators: people with roles, who propose, approve and administer, and their sign-in."""
