"""The pytest fixture `c06` for tests of a client of C06, in-process or against a running mock."""
