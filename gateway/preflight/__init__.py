"""The preflight: checks of a candidate connection before a profile switches to it."""
