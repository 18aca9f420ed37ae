"""The DVCTT test portal: a citizen fills a form once, and is not asked again for what the registry knows.

A client of the gateway's public contract alone; it imports nothing of the gateway or the mock.
"""

__version__ = "0.1.0"
