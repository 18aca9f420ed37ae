"""The DVCTT test portal. So far its gateway client: the example of an integration."""
