"""Preflights of changes that ask nobody outside."""

from gateway.profiles.preflight import Check, Preflight


def one_check(name: str, detail: str, title_vi: str, *, passed: bool = True, remedy: str = "") -> Preflight:
    """Return a preflight of one line."""
    line = Check(name=name, passed=passed, detail=detail, remedy=remedy, ms=0, title_vi=title_vi)
    return Preflight(passed=passed, checks=(line,))
