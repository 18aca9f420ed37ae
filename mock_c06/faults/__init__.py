"""Planned misbehaviour: the kinds of faults, the plan of a run, and what each kind does to an answer."""
