"""The main job end to end over real sockets: `make demo` shows it, `make serve` keeps it up."""
