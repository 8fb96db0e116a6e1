"""Long-lived child processes that die with this process, however it dies, SIGKILL included."""

import queue
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path


_Order = tuple[list[str], Path, Sequence[int], "Future[subprocess.Popen[bytes]]"]
_orders: "queue.SimpleQueue[_Order]" = queue.SimpleQueue()
_mother: threading.Thread | None = None
_mother_lock = threading.Lock()


def spawn(argv: list[str], *, log_file: Path, keep_fds: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Start ``argv`` with its output appended to ``log_file``; the kernel kills it when this process ends.

    The open files ``keep_fds`` are its own too, under the same numbers.

    The kernel's promise (PR_SET_PDEATHSIG) is tied to the *thread* that forked, not to the process. One thread of this
    module therefore starts all of them and lives as long as the process, so that callers may use threads of their own.
    """
    global _mother  # noqa: PLW0603 - one per process, by its nature
    with _mother_lock:
        if _mother is None:
            _mother = threading.Thread(target=_serve, name="lab-children", daemon=True)
            _mother.start()
    started: Future[subprocess.Popen[bytes]] = Future()
    _orders.put((argv, log_file, keep_fds, started))
    return started.result()


def end(child: "subprocess.Popen[bytes]") -> None:
    """Kill ``child`` if it still runs, and wait until it is gone."""
    if child.poll() is None:
        child.kill()
    child.wait()


def _serve() -> None:
    while True:
        argv, log_file, keep_fds, started = _orders.get()
        try:
            with log_file.open("ab") as output:
                child = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, pass_fds=keep_fds,
                )  # fmt: skip
        except BaseException as error:  # noqa: BLE001 - belongs to whoever asked
            started.set_exception(error)
        else:
            started.set_result(child)
