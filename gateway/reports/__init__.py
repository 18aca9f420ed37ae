"""The weekly report of the 25 essential services: figures of public sources, and what the gateway measured itself."""
