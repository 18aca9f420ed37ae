"""Applying for the official account: one signed bundle for C06, and the account that it issues, unsealed."""
