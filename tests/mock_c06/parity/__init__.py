"""The parity ledger and the combinations of its switches."""
