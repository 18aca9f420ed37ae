"""What is checked of a connection before it may serve."""
