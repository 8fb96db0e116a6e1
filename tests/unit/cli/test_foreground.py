import asyncio
import os
import signal
import time
from types import SimpleNamespace

import pytest

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.foreground import in_foreground


@pytest.fixture(autouse=True)
def _logging_untouched(monkeypatch):
    monkeypatch.setattr("zfspull.observe.logs.configure", lambda **_: None)


OPTIONS = SimpleNamespace(log_format=None, debug=False)


def test_the_exit_code_is_that_of_the_work():
    """What the work returns is the exit code."""

    async def work():
        return ExitCode.REFUSED

    assert in_foreground(OPTIONS, work) is ExitCode.REFUSED


@pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_lets_the_work_clean_up_at_once(number, ends):
    """SIGTERM and Ctrl-C cancel the work, which has its say before the end."""
    cleaned = []

    async def work():
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)
        return ExitCode.OK

    begun = time.monotonic()
    if ends is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            in_foreground(OPTIONS, work)
    else:
        assert in_foreground(OPTIONS, work) is ends

    assert cleaned == [True]
    assert time.monotonic() - begun < 10


def test_a_cancellation_that_nobody_asked_for_is_no_sigterm():
    """Only SIGTERM ends in the exit code of SIGTERM."""

    async def work():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        in_foreground(OPTIONS, work)
