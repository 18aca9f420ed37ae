"""The essential services: roles, forms, code tables, administrative units."""
