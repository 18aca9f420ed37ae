"""The verification gateway between a public-service portal and the national population database."""

__version__ = "0.1.0"
