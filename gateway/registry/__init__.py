"""Speaking with C06: the only room that knows its words."""
