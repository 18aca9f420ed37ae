"""Whether a claim agrees with a person: one implementation for every face."""
