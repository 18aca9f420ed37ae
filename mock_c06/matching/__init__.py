"""Does this claim agree with that person? One implementation for every face."""
