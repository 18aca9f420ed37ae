"""The HTTP edge: problems, bodies, limits, request ids, health, logs, metrics."""
