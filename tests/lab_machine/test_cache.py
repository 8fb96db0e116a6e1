"""What the lab keeps on disk between runs is whole or absent."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.lab.cache import made


REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZFSPULL_LAB_CACHE", str(tmp_path))
    return tmp_path


def test_entry_is_made_once() -> None:
    """A cached entry is made by the first who asks, and found by the next."""
    calls: list[Path] = []
    first = made("kind", "key", calls.append)
    assert made("kind", "key", calls.append) == first
    assert len(calls) == 1


def test_failed_build_leaves_nothing(cache: Path) -> None:
    """A build that fails leaves no entry and no temporary directory."""

    def fail(fresh: Path) -> None:
        (fresh / "half").write_text("")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        made("kind", "key", fail)
    assert [path for path in (cache / "kind").iterdir() if path.is_dir()] == []


def test_killed_build_is_swept_by_the_next(cache: Path) -> None:
    """What a killed build left is removed by the next build of the same thing, which succeeds."""
    code = "import os; from tests.lab.cache import made; made('kind', 'key', lambda fresh: os.kill(os.getpid(), 9))"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    assert len([path for path in (cache / "kind").iterdir() if path.is_dir()]) == 1
    made("kind", "key", lambda fresh: None)
    assert [path.name for path in (cache / "kind").iterdir() if path.is_dir()] == ["key"]


def test_concurrent_builds_exclude_each_other() -> None:
    """Two who ask for one missing entry at once get one build between them."""
    started, go_on = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow(fresh: Path) -> None:
        calls.append("slow")
        started.set()
        go_on.wait(10)

    first = threading.Thread(target=made, args=("kind", "key", slow))
    first.start()
    started.wait(10)
    second = threading.Thread(target=made, args=("kind", "key", lambda fresh: calls.append("second")))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    go_on.set()
    first.join(10)
    second.join(10)
    assert calls == ["slow"]
