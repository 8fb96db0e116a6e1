"""The log, without the library that writes it until there is a line to write.

structlog with what it brings along takes longer to import than most commands take. What lines look like is for
`observe.logs.configure` to say: a daemon calls it when it starts, a command leaves it to the first line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def log() -> FilteringBoundLogger:
    """Where a line goes: a dotted noun and fields, as in `log().warning("pool.silent", pool=name)`."""
    import structlog  # noqa: PLC0415 - see above

    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, _Later):
            handler.configure()
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def configure_later(configure: Callable[[], None]) -> None:
    """Have `configure` called before the first line, whoever writes it: we, or a library by way of `logging`."""
    logging.getLogger().addHandler(_Later(configure))


class _Later(logging.Handler):
    """Stands where the log's own handler will be."""

    def __init__(self, configure: Callable[[], None]) -> None:
        super().__init__()
        self._configure = configure

    def configure(self) -> None:
        """Make way."""
        logging.getLogger().removeHandler(self)
        self._configure()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what comes first."""
        self.configure()
        logging.getLogger().handle(record)
