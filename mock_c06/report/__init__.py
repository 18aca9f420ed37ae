"""The report card of a client: what it did right and wrong in a run."""
