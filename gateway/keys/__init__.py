"""The key ring: one master key outside the database, everything else sealed below it."""
