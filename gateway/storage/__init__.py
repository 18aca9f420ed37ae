"""The store as a whole: why it can't work, its backups, and whether it went back in time."""
