"""From what zfs(8) said and how it ended to the error that says what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.errors import LocalResourceError, PermanentError, RefusalError, TransientError, ZfspullError
from zfspull.hosts.ports import Ended
from zfspull.hosts.process import Completed
from zfspull.zfs.stderr import classify, says_missing, without_stream_info
from zfspull.zfs.texts import Row, Side, Verdict


_ERRORS: dict[Verdict, type[ZfspullError]] = {
    Verdict.RETRY: TransientError,
    Verdict.DISCARD: TransientError,
    Verdict.VERIFY: TransientError,
    Verdict.REFUSE: RefusalError,
    Verdict.FAIL: PermanentError,
    Verdict.LOCAL: LocalResourceError,
}
_EVIDENCE_CHARACTERS = 600
_UNKNOWN = "this text is not known to zfspull; if it tells of something common, please report it"


def failure(
    side: Side, action: str, completed: Completed | Ended, *, host: str = "", dataset: str = ""
) -> ZfspullError:
    """The error for a command that failed on one side.

    Args:
        side: source or target.
        action: what was run, in words.
        completed: how it ended and what it said.
        host: where, as far as known.
        dataset: likewise.
    """
    row = classify(side, completed.stderr) or _ended_silently(completed)
    evidence = without_stream_info(completed.stderr)[:_EVIDENCE_CHARACTERS]
    return _ERRORS[row.verdict if row else Verdict.FAIL](
        f"`{action}` on the {side} ended with {describe_status(completed.status)}: {evidence or 'no message'}",
        hint=row.hint if row else _UNKNOWN,
        host=host,
        dataset=dataset,
        reason=row.reason if row else "unknown",
    )


@dataclass(frozen=True, slots=True)
class Blame:
    """Why a step failed.

    Attributes:
        error: to be raised.
        row: what is known of the text that tells why, None for an unknown text.
        where: source, target, or link if the sender's end was never learnt.
    """

    error: ZfspullError
    row: Row | None
    where: str


LINK = "link"


def transfer_failure(sent: Ended, received: Ended, *, host: str, dataset: str) -> Blame:
    """Why a step failed of which at least one end did.

    The receiver's text often only names the effect of what happened to the sender ("incomplete stream"), so an effect
    on one side yields to a cause on the other, and to a text that is not known; both texts are in the message.
    """
    failed = [
        (side, ended, classify(side, ended.stderr) or _ended_silently(ended))
        for side, ended in ((Side.TARGET, received), (Side.SOURCE, sent))
        if not ended.ok
    ]
    causes = [entry for entry in failed if entry[2] is not None and not entry[2].is_effect]
    unknown = [entry for entry in failed if entry[2] is None]
    effects = sorted(failed, key=lambda entry: (entry[1].status is not None, entry[2] is not _ENDED_SILENTLY))
    side, blamed, row = (causes or unknown or effects)[0]
    message = "; ".join(
        f"{action} ended with {describe_status(ended.status)}"
        + (f": {text[:_EVIDENCE_CHARACTERS]}" if (text := without_stream_info(ended.stderr)) else "")
        for action, ended in (("source `zfs send`", sent), ("target `zfs receive`", received))
    )
    error = _ERRORS[row.verdict if row else Verdict.FAIL](
        message,
        hint=row.hint if row else _UNKNOWN,
        host=host,
        dataset=dataset,
        reason=row.reason if row else "unknown",
    )
    return Blame(error, row, LINK if blamed.status is None else side.value)


_ENDED_SILENTLY = Row(
    "", Side.EITHER, Verdict.RETRY, "killed", "it said nothing: it was killed, or its connection was lost"
)


def _ended_silently(ended: Completed | Ended) -> Row | None:
    """The row of a process that was ended before it could say why; None if what it said last must be the reason."""
    ended_itself = ended.status is not None and ended.status >= 0
    return None if ended_itself and without_stream_info(ended.stderr) else _ENDED_SILENTLY


def listed(completed: Completed, side: Side, *, host: str = "", dataset: str) -> bool:
    """Whether a listing was made; False if it failed for the one reason that the dataset does not exist.

    Raises:
        ZfspullError: if it failed for any other reason.
    """
    if completed.ok:
        return True
    if says_missing(completed.stderr) and not completed.stdout:
        return False
    raise failure(side, "zfs list", completed, host=host, dataset=dataset)


def describe_status(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "no exit status (it was ended, or its connection was lost)"
    return f"signal {-status}" if status < 0 else f"status {status}"
