"""A mock of C06's national population database. TEST DATA ONLY: every person is synthetic."""

__version__ = "0.1.0"
