"""Signing in at the national login (OpenID Connect)."""
