"""Files that a setting or an argument names: a pipe without a writer, a device or a huge file never stalls a command."""

import ast
import inspect
import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import ModuleType

import pytest

import gateway as program
import mock_c06.bounded_files
import witness.bounded_files
from gateway import bounded_files
from gateway.bounded_files import LARGEST, read_bounded, why_unread
from tests.kit.commands import Commands

ORGANISATION = "000.00.01.H26"
CREATE = ("accounts", "create", "a", "--organisation", ORGANISATION, "--profile", "sandbox")


def reason_of(path: Path) -> str:
    with pytest.raises(OSError) as refused:
        read_bounded(path)
    return why_unread(refused.value)


@pytest.mark.parametrize(
    "read", [read_bounded, mock_c06.bounded_files.read_bounded, witness.bounded_files.read_bounded]
)
def test_threat_46_a_pipe_that_nobody_writes_to_is_refused_after_two_seconds(
    tmp_path: Path, read: Callable[[Path], bytes]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    began = monotonic()
    with pytest.raises(TimeoutError, match="nobody writes to this pipe"):
        read(tmp_path / "pipe")
    assert 1.9 < monotonic() - began < 10


def test_threat_46_a_file_and_a_device_are_read_to_the_limit_and_refused(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    assert reason_of(tmp_path / "large") == "over 64 KiB"
    assert reason_of(Path("/dev/zero")) == "over 64 KiB"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "Is a directory"),
        ("none", "No such file or directory"),
        ("loop", "Too many levels of symbolic links"),
        ("a\0b", "no file's name"),
    ],
)
def test_what_is_no_file_is_refused_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert reason_of(tmp_path / name) == reason


@pytest.mark.parametrize(
    "read", [read_bounded, mock_c06.bounded_files.read_bounded, witness.bounded_files.read_bounded]
)
def test_a_folder_in_place_of_a_file_leaves_no_descriptor_open(
    tmp_path: Path, read: Callable[[Path], bytes]
) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_pipe_with_a_writer_is_read_to_its_end(tmp_path: Path) -> None:
    pipe, part = tmp_path / "pipe", b"x" * (LARGEST // 2)
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(part)
            threading.Event().wait(0.1)
            file.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_bounded(pipe) == part * 2
    writer.join()


def test_a_pipe_whose_writer_ends_without_a_byte_is_empty_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0):
            threading.Event().wait(0.2)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_bounded(pipe) == b""
    writer.join()


def test_a_pipe_of_the_shell_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a secret")
    os.close(writing)
    assert read_bounded(Path(f"/proc/self/fd/{reading}")) == b"a secret"
    os.close(reading)


def test_a_pipe_of_the_shell_whose_command_wrote_nothing_is_empty_at_once() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    began = monotonic()
    assert read_bounded(Path(f"/proc/self/fd/{reading}")) == b""
    assert monotonic() - began < 1
    os.close(reading)


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("keys", "list"), "GATEWAY_MASTER_KEY_FILE"),
        (("keys", "list"), "GATEWAY_SANDBOX_C06_SECRET_FILE"),
        (("audit", "verify", "--witness", "FILE"), None),
        (("audit", "verify", "--witness", "http://127.0.0.1:1", "--witness-key", "FILE"), None),
        ((*CREATE, "--all-procedures", "--public-key", "FILE"), None),
        ((*CREATE, "--all-procedures", "--officers-file", "FILE"), None),
        (("accounts", "rotate", "a", "--public-key", "FILE"), None),
        (("official", "application", "--file", "FILE"), None),
        (("official", "open", "--file", "FILE"), None),
        (("profiles", "propose", "sandbox", "--file", "FILE"), None),
    ],
    ids=lambda each: None if each is None else each if isinstance(each, str) else " ".join(each),
)
def test_threat_46_a_large_file_is_refused_by_every_command_that_reads_one(
    gateway: Commands, arguments: tuple[str, ...], setting: str | None
) -> None:
    gateway.account()
    large = gateway.folder / "large"
    large.write_bytes(b" " * (LARGEST + 1))
    filled = [str(large) if each == "FILE" else each for each in arguments]
    assert "64 KiB" in gateway(*filled, **({setting: str(large)} if setting else {})).reason()


@pytest.mark.parametrize(
    "copy", [mock_c06.bounded_files, witness.bounded_files], ids=lambda each: each.__name__
)
def test_programs_that_import_no_other_have_the_same_functions_for_files(copy: ModuleType) -> None:
    own = [each for each in vars(copy).values() if inspect.isfunction(each)]
    assert read_bounded.__name__ in {each.__name__ for each in own}
    for each in own:
        assert inspect.getsource(each) == inspect.getsource(getattr(bounded_files, each.__name__))


@pytest.mark.parametrize("kind", ["a folder", "a large file", "a link to itself"])
def test_a_dotenv_that_is_no_readable_file_is_refused_and_not_skipped(gateway: Commands, kind: str) -> None:
    dotenv = gateway.folder / ".env"
    match kind:
        case "a folder":
            dotenv.mkdir()
        case "a large file":
            dotenv.write_bytes(b"#" * (LARGEST + 1))
        case _:
            dotenv.symlink_to(".env")
    assert gateway("keys", "list").reason().startswith(".env: can't be read as UTF-8 text (")


def test_threat_46_only_one_place_reads_files_that_somebody_names() -> None:
    """Others read the package's own data, or a regular file that the gateway itself appends to."""
    own = {
        "console/responses.py",
        "edge/openapi.py",
        "inspection/export.py",
        "procedures/catalogue.py",
        "procedures/model.py",
        "procedures/units.py",
        "reports/use_cases.py",
        "storage/checkpoint_copies.py",
    }
    root = Path(program.__file__).parent
    found = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"read_text", "read_bytes"}
    }
    assert found == own
