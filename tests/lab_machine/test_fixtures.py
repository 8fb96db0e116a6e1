"""What the pytest plugin promises to those who cannot or do not want to run the lab."""

import os
import subprocess
import sys
from pathlib import Path


REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = """
def test_with_lab(lab_machine):
    pass

def test_without():
    pass
"""


def _pytest_on_a_host_without_qemu(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_two.py").write_text(TESTS)
    environment = os.environ | {
        "PATH": "/nowhere",
        "PYTHONPATH": str(REPOSITORY),
        "ZFSPULL_LAB_CACHE": str(directory / "c"),
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", directory, "-p", "no:cacheprovider",
         "-p", "tests.lab.fixtures", *arguments, directory],
        env=environment, cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_lab_tests_fail_where_the_lab_cannot_work(tmp_path: Path) -> None:
    """Where the lab cannot work its tests fail, not skip, and say what to install; other tests run."""
    done = _pytest_on_a_host_without_qemu(tmp_path)
    assert done.returncode == 1
    assert "1 passed" in done.stdout
    assert "1 error" in done.stdout
    assert "apt-get install --no-install-recommends" in done.stdout
    assert "qemu-system-x86" in done.stdout


def test_lab_tests_can_be_left_out(tmp_path: Path) -> None:
    """Tests that use the lab carry its marker by themselves, so that -m "not lab" leaves them out."""
    done = _pytest_on_a_host_without_qemu(tmp_path, "-m", "not lab")
    assert done.returncode == 0
    assert "1 passed, 1 deselected" in done.stdout
