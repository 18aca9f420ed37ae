"""What a walk's counts mean."""

from benchmarks.steps import Walk, read_walk


def test_a_walk_counts_each_file_and_function_once_and_each_call_and_change_of_room() -> None:
    lines = [
        "edge/a.py f",
        "edge/b.py f",
        "audit/log.py write",
        "audit/log.py write",
        "edge/a.py f",
        "web.py g",
    ]

    assert read_walk(lines) == Walk(files=4, functions=4, calls=6, room_changes=3)


def test_no_call_at_all_is_a_walk_of_nothing() -> None:
    assert read_walk([]) == Walk(files=0, functions=0, calls=0, room_changes=0)
