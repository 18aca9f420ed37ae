"""How callers prove who they are: OAuth 2 server, tokens, DPoP."""
