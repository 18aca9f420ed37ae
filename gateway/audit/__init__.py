"""Evidence: an entry of every question, delivery, refusal and act, in a signed Merkle tree."""
