"""Threat 45, as far as it can be checked without a network: locked packages, a plain image, no shell, no
banner, no debug page.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

import pytest

from gateway.edge.connections import ConnectionLimiter
from gateway.server import Server
from tests.kit.source import PROGRAMS, ROOT, Source, read_python

LOCKS = sorted(ROOT.glob("requirements*.lock"))
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;*]+( ;[^\\]+)?( --hash=sha256:[0-9a-f]{64})+")
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def _read_requirements(text: str) -> list[str]:
    """Return a lock's requirements, each with its hashes on one line."""
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _find_loose(text: str) -> list[str]:
    return [line for line in _read_requirements(text) if not PINNED.fullmatch(line)]


def read_dockerfile() -> list[str]:
    """Return the Dockerfile's instructions, each on one line."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    return [line for line in re.sub(r"\\\n", " ", text).splitlines() if line and not line.startswith("#")]


def _find_images(lines: Iterable[str]) -> list[str]:
    """Return the base images, with arguments replaced."""
    text = "\n".join(lines)
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    named = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    return [re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], image) for image in named]


def find_stages(lines: Sequence[str]) -> list[list[str]]:
    """Return the stages, line by line."""
    starts = [at for at, line in enumerate(lines) if line.startswith("FROM ")]
    return [list(lines[start:end]) for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _find_images_that_run(lines: Sequence[str]) -> list[list[str]]:
    """Return the stages that end with a command."""
    running = [stage for stage in find_stages(lines) if any(line.startswith("CMD ") for line in stage)]
    assert len(running) == 2, "the gateway's and the mock's"
    return running


def _find_shells(sources: Iterable[Source]) -> Iterator[str]:
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call):
                options = {word.arg for word in node.keywords if not _is_false(word.value)}
                if "shell" in options or ast.unparse(node.func) in SHELLS:
                    yield f"{source.place}:{node.lineno}"


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_threat_45_every_locked_package_has_one_version_and_hashes(lock: object) -> None:
    text = (ROOT / str(lock)).read_text(encoding="utf-8")
    assert len(_read_requirements(text)) > 0
    assert _find_loose(text) == []


def test_threat_45_the_image_has_a_base_with_a_digest_and_an_unprivileged_user() -> None:
    lines = read_dockerfile()
    for image in _find_images(lines):
        name, _, tag = image.partition(":")
        assert name == "python"
        assert re.match(r"3\.\d+", tag), f"{image}: a version is expected"
        assert re.search(r"@sha256:[0-9a-f]{64}$", image), f"{image}: a digest is expected"
    for stage in _find_images_that_run(lines):
        users = [line.split()[1] for line in stage if line.startswith("USER ")]
        assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1])
        assert [line.split()[0] for line in stage].count("HEALTHCHECK") == 1
        assert any(line.startswith("EXPOSE ") for line in stage)
    installs = [part for line in lines for part in line.split("&&") if "pip install" in part]
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)
    assert len(installs) > 2


def test_threat_45_no_command_goes_through_a_shell() -> None:
    assert list(_find_shells(read_python())) == []


def test_threat_45_the_server_sends_no_software_name_and_no_debug_page() -> None:
    async def app(*call: object) -> None:
        raise AssertionError

    limiter = ConnectionLimiter(base="", note=lambda _reason: None)
    assert Server(app, limiter=limiter, started=lambda: None).config.server_header is False
    for source in read_python():
        if source.is_within(*PROGRAMS):
            calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
            debugging = [call for call in calls for word in call.keywords if word.arg == "debug"]
            assert debugging == [], source.place


def test_a_requirement_without_a_hash_or_with_a_range_is_found() -> None:
    digest = "--hash=sha256:" + "0" * 64
    assert _find_loose(f"a==1 \\\n    {digest}\nb==1\nc>=1 \\\n    {digest}\n") == ["b==1", f"c>=1 {digest}"]


def test_a_call_through_a_shell_is_found() -> None:
    text = "import os, subprocess\nos.system('x')\nsubprocess.run('x', shell=True)\nsubprocess.run(['x'])\n"
    assert list(_find_shells([Source("gateway/x.py", text)])) == ["gateway/x.py:2", "gateway/x.py:3"]
