"""The log is set up when there is a first line, and not before."""

import io
import logging

import pytest
import structlog

from zfspull.log import configure_later, log
from zfspull.observe.logs import configure


@pytest.fixture
def out():
    """Where lines go; logging is global, and left as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    root.handlers.clear()
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("write", "first"),
    [
        (lambda: log().warning("pool.silent", pool="tank"), "pool.silent pool=tank"),
        (lambda: logging.getLogger("asyncssh").warning("odd %s", "packet"), 'logger=asyncssh message="odd packet"'),
    ],
    ids=["our own", "of a library"],
)
def test_the_first_line_sets_the_log_up_once(out, write, first):
    """Whoever writes it: the first line is written as all later ones are, once each."""
    called = []

    def set_up():
        called.append(1)
        configure(json=False, debug=False, stream=out)

    configure_later(set_up)
    assert not called

    write()
    write()

    assert called == [1]
    assert [line.endswith(first) for line in out.getvalue().splitlines()] == [True, True]
