"""Programs on real loopback sockets."""
