"""Changes: who may, when, and what becomes of them."""
