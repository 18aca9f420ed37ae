"""The separation of the two profiles, tested against any order of acts."""
