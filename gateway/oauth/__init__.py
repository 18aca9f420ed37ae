"""Authentication of callers: OAuth 2 server, access tokens, DPoP."""
