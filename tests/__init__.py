"""Facts about the programs, in folders that mirror the source."""
