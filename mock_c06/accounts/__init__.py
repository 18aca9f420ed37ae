"""Accounts as C06 issues them: the model, the register, the switches, and the issuing desk with its counter."""
