"""Keys: one master key outside of the database, and all other keys sealed under it."""
