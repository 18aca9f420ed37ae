"""Idempotency keys: the same request again gets the same answer, without a second question."""
