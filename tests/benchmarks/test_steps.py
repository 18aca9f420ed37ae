"""What the counts of `benchmarks.steps` mean."""

from benchmarks.steps import Walk, read_walk


def test_a_run_counts_files_and_functions_once_and_every_call_and_folder_change() -> None:
    lines = [
        "edge/a.py f",
        "edge/b.py f",
        "audit/log.py write",
        "audit/log.py write",
        "edge/a.py f",
        "web.py g",
    ]

    assert read_walk(lines) == Walk(files=4, functions=4, calls=6, room_changes=3)


def test_a_run_without_any_call_counts_nothing() -> None:
    assert read_walk([]) == Walk(files=0, functions=0, calls=0, room_changes=0)
