"""A generated population, up to the size of the nation: each person is computed from the number, none is stored."""
