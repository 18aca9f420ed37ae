"""Discrepancies: a portal files one about a field of a prefill, an operator resolves it."""
