"""What a portal asks about a citizen: verify once, reuse, prefill, receipts and the ledger."""
