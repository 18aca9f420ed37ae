"""The commands of `mock-c06`, one file each; main.py registers them."""
