"""For those who test a client of C06: the pytest fixture `c06`, in-process or against a running mock."""
