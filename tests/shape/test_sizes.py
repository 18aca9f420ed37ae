"""Signs of decay D1 and D2: a file has one subject, a folder has few files, a function is short.

Short files are counted too: a rule on long files only once led to a gateway of 297 files.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from tests.kit.source import Source, read_python

FILE_MOST = 400
FILE_FEWEST, SHORT_SHARE = 40, 0.20
ROOM_MOST = 22
FUNCTION_ASK, FUNCTION_STOP, FUNCTION_SHARE = 40, 60, 0.05
PROGRAM_ROOMS = ("gateway", "mock_c06")


def _find_long_files(sources: Iterable[Source]) -> list[str]:
    return [f"{source.place}: {source.lines} lines" for source in sources if source.lines > FILE_MOST]


def _find_short_files(sources: Iterable[Source]) -> list[str]:
    """Return the short files if they exceed their share; a package's `__init__` does not count."""
    measured = [source for source in sources if source.parts[-1] != "__init__"]
    short = [source.place for source in measured if source.lines < FILE_FEWEST]
    return short if len(short) > SHORT_SHARE * len(measured) else []


def _find_large_rooms(sources: Iterable[Source]) -> list[str]:
    sizes = Counter(PurePosixPath(source.place).parent.as_posix() for source in sources)
    return [f"{room}: {size} files" for room, size in sizes.items() if size > ROOM_MOST]


def _find_long_functions(sources: Iterable[Source]) -> list[str]:
    lengths = {
        f"{source.place}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for source in sources
        for function in source.functions()
    }
    asked = [f"{place}: {length} lines" for place, length in lengths.items() if length > FUNCTION_ASK]
    stopped = [f"{place}: {length} lines" for place, length in lengths.items() if length > FUNCTION_STOP]
    return stopped or (asked if len(asked) > FUNCTION_SHARE * len(lengths) else [])


def test_no_file_has_more_lines_than_one_subject_needs() -> None:
    assert _find_long_files(read_python()) == []


def test_few_files_of_a_program_are_short() -> None:
    assert {program: _find_short_files(read_python(program)) for program in PROGRAM_ROOMS} == {
        "gateway": [],
        "mock_c06": [],
    }


def test_no_folder_of_a_program_has_too_many_files() -> None:
    assert _find_large_rooms(read_python(*PROGRAM_ROOMS)) == []


def test_no_function_of_a_program_is_too_long() -> None:
    assert _find_long_functions(read_python()) == []


def test_one_file_over_four_hundred_lines_is_found() -> None:
    short = [Source(f"gateway/short_{n}.py", "x = 1\n" * 10) for n in range(99)]
    assert _find_long_files([*short, Source("gateway/long.py", "x = 1\n" * 401)]) == [
        "gateway/long.py: 401 lines"
    ]


def test_more_than_a_fifth_of_short_files_is_found() -> None:
    long = [Source(f"gateway/long_{n}.py", "x = 1\n" * 60) for n in range(7)]
    short = [Source(f"gateway/short_{n}.py", "x = 1\n" * 39) for n in range(2)]
    assert _find_short_files([*long, *short]) == ["gateway/short_0.py", "gateway/short_1.py"]
    assert _find_short_files([*long, short[0]]) == []


def test_a_folder_of_more_than_twenty_two_files_is_found() -> None:
    assert _find_large_rooms([Source(f"gateway/keys/k{n}.py", "") for n in range(23)]) == [
        "gateway/keys: 23 files"
    ]


def test_one_function_over_sixty_lines_is_found() -> None:
    body = "    x = 1\n" * 60
    found = _find_long_functions([Source("gateway/long.py", f"async def grow():\n{body}")])
    assert found == ["gateway/long.py:1 grow: 61 lines"]
