"""Asynchronous work in the foreground: started, ended by signals, and logging to stderr meanwhile."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TextIO, cast

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Options


def in_foreground(options: Options, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Do `work` and return its exit code.

    Ctrl-C cancels it, which lets a transfer end so that it resumes later, and ends in `KeyboardInterrupt`; a second
    one does not wait. SIGTERM cancels it likewise and ends in its own exit code.
    """
    from zfspull.log import configure_later

    if options.debug:
        _configure_log(options)
    else:
        configure_later(lambda: _configure_log(options))
    return asyncio.run(_until_terminated(work))


def _configure_log(options: Options) -> None:
    from zfspull.observe.logs import configure

    stream = cast("TextIO", _CurrentStderr()) if sys.stderr.isatty() else None
    configure(json=options.log_format == "json", debug=options.debug, stream=stream)


class _CurrentStderr:
    """What `sys.stderr` is at each moment: while bars are shown, log lines must go above them."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as file objects have it
        return getattr(sys.stderr, name)


async def _until_terminated(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError  # a coroutine always runs in a task
    terminated = False

    def terminate() -> None:
        nonlocal terminated
        terminated = True
        task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await work()
    except asyncio.CancelledError:
        if terminated:
            return ExitCode.TERMINATED
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
