"""Applying for the official account: what C06 asks for in one signed bundle, and what it issues, unsealed."""
