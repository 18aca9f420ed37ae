"""The contract as a whole, across rooms: what no single room could show."""
