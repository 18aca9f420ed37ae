"""The 25 services: what the gateway's catalogue says of them, and the code lists of their forms."""
