"""A witness of the gateway's signed log, for another party to run: it follows the open hashes and cosigns a log that only grows.

It imports nothing of the gateway, needs no account and sees no entry. Source: C2SP tlog-checkpoint, tlog-tiles, tlog-cosignature.
"""

__version__ = "0.1.0"
