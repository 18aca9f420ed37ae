"""The main job end to end over real sockets: `make demo` runs it, `make serve` keeps its programs running."""
