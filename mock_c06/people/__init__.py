"""Synthetic people, their households and addresses."""
