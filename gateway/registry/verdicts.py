"""Read a yes or no out of an answered tree: C06 is seen to say it in three ways.

Refuses anything but a plain yes or no, a record where a verdict was asked, and two forms that disagree.
A verdict carries no number, so there is no person to compare.
"""

from gateway.errors.registry import RegistryAnswerInvalid
from gateway.registry import wire_names as names
from gateway.registry.tree import Branch, branch_of, leaf

_COUNTS = {"0": False, "1": True}
_BOOLEANS = {"false": False, "true": True}


def read_verdict(body: Branch) -> bool:
    """Return what the body of an answer says: yes or no; raises `RegistryAnswerInvalid`."""
    if names.VERDICT not in body and names.VERDICT_RESULT not in body:
        raise RegistryAnswerInvalid("answer to another operation")
    answer = branch_of(body.get(names.VERDICT))
    result = branch_of(body.get(names.VERDICT_RESULT) or answer.get(names.VERDICT_RESULT))
    said = {
        read_yes(leaf(branch, name), words)
        for branch, name, words in (
            (answer, names.VERDICT_COUNT, _COUNTS),
            (answer, names.VERDICT_EXISTS, _BOOLEANS),
            (result, names.VERDICT_EXISTS, _BOOLEANS),
        )
        if leaf(branch, name)
    }
    if len(said) != 1:
        raise RegistryAnswerInvalid("neither yes nor no")
    return said.pop()


def read_yes(word: str, words: dict[str, bool] = _BOOLEANS) -> bool:
    """Return what one word says; only `true` and `false`, or the words given, say anything."""
    verdict = words.get(word.lower())
    if verdict is None:
        raise RegistryAnswerInvalid("neither yes nor no")
    return verdict
