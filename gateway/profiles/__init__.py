"""Connection profiles: the revisions, state, keys and registry client of each."""
