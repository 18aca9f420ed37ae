"""Verify once: claims, reuse, receipts."""
