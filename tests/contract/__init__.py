"""The contract as a whole, across folders: what the tests of one folder can't show."""
