"""Clients shaped as those that were seen at real portals. They know the public notes on the wire and nothing of the mock."""
