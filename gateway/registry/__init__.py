"""The client of the registry: the only folder that uses C06's element names and sends anything to it."""
