"""Signs of decay D1 and D2: files and functions stay short enough to be read at once."""

from collections.abc import Iterable

from tests.shape.source import Source, read_python

FILE_ASK, FILE_STOP, FILE_SHARE = 250, 400, 0.10
FUNCTION_ASK, FUNCTION_STOP, FUNCTION_SHARE = 40, 60, 0.05


def _find_long_files(sources: Iterable[Source]) -> list[str]:
    measured = [source for source in sources if source.lines > 5]  # a room's one-line __init__ would flatter
    asked = [f"{source.place}: {source.lines} lines" for source in measured if source.lines > FILE_ASK]
    stopped = [f"{source.place}: {source.lines} lines" for source in measured if source.lines > FILE_STOP]
    return stopped or (asked if len(asked) > FILE_SHARE * len(measured) else [])


def _find_long_functions(sources: Iterable[Source]) -> list[str]:
    lengths = {
        f"{source.place}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for source in sources
        for function in source.functions()
    }
    asked = [f"{place}: {length} lines" for place, length in lengths.items() if length > FUNCTION_ASK]
    stopped = [f"{place}: {length} lines" for place, length in lengths.items() if length > FUNCTION_STOP]
    return stopped or (asked if len(asked) > FUNCTION_SHARE * len(lengths) else [])


def test_no_file_is_too_long_to_read() -> None:
    assert _find_long_files(read_python()) == []


def test_no_function_is_too_long_to_read() -> None:
    assert _find_long_functions(read_python()) == []


def test_one_file_over_four_hundred_lines_is_found() -> None:
    short = [Source(f"gateway/short_{n}.py", "x = 1\n" * 10) for n in range(99)]
    assert _find_long_files([*short, Source("gateway/long.py", "x = 1\n" * 401)]) == [
        "gateway/long.py: 401 lines"
    ]


def test_more_than_a_tenth_of_longish_files_is_found() -> None:
    longish = [Source(f"gateway/{n}.py", "x = 1\n" * 251) for n in range(2)]
    assert len(_find_long_files([*longish, Source("gateway/short.py", "x = 1\n" * 10)])) == 2


def test_one_function_over_sixty_lines_is_found() -> None:
    body = "    x = 1\n" * 60
    found = _find_long_functions([Source("gateway/long.py", f"async def grow():\n{body}")])
    assert found == ["gateway/long.py:1 grow: 61 lines"]
