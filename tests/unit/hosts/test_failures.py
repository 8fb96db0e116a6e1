"""From texts and exit statuses to errors: who is to blame, and what to do next."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zfspull.errors import LocalResourceError, PermanentError, RefusalError, TransientError
from zfspull.hosts.failures import LINK, describe_status, failure, listed, transfer_failure
from zfspull.hosts.ports import Ended
from zfspull.hosts.process import Completed
from zfspull.zfs.stderr import classify
from zfspull.zfs.texts import TABLE, Side


STREAM_INFO = "full\ttank/a@now\t1000\nsize\t1000\n"
TOKEN_INFO = "resume token contents:\nnvlist version: 0\n\tobject = 0x1\n\ttoname = tank/a@now\n" + STREAM_INFO
HARMLESS = "perl: warning: Setting locale failed.\n"


def texts(side, *, effect):
    rows = [row for row in TABLE if row.side in (side, Side.EITHER)]
    found = [f"cannot do it: {row.text} for 'tank/a'\n" for row in rows]
    return [text for text in found if classify(side, text).is_effect is effect]


causes = {side: st.sampled_from(texts(side, effect=False)) for side in (Side.SOURCE, Side.TARGET)}
effects = {side: st.sampled_from(["", *texts(side, effect=True)]) for side in (Side.SOURCE, Side.TARGET)}
bad_status = st.sampled_from([1, 2, 255, 134, -9, -13])
any_bad_status = bad_status | st.none()


def blame(sent, received):
    return transfer_failure(sent, received, host="gw", dataset="backup/a")


@given(st.data(), st.sampled_from([Side.SOURCE, Side.TARGET]))
def test_an_effect_never_hides_a_cause(data, side):
    """Whatever follows from it at the other end, the side that said why is blamed, and with that reason."""
    other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
    text = data.draw(causes[side])
    cause = Ended(data.draw(bad_status), STREAM_INFO + text)
    effect = Ended(data.draw(any_bad_status | st.just(0)), data.draw(effects[other]))
    sent, received = (cause, effect) if side is Side.SOURCE else (effect, cause)

    blamed = blame(sent, received)

    assert blamed.row == classify(side, text)
    assert (blamed.error.reason, blamed.where) == (blamed.row.reason, side.value)


@given(st.data())
def test_an_effect_never_hides_an_unknown_text(data):
    """A text that is not in the table is no reason to blame the other end's "incomplete stream" instead."""
    sent = Ended(data.draw(st.integers(1, 255)), "something new\n")
    received = Ended(1, data.draw(effects[Side.TARGET].filter(bool)))

    blamed = blame(sent, received)

    assert isinstance(blamed.error, PermanentError)
    assert (blamed.error.reason, blamed.where) == ("unknown", "source")
    assert "something new" in blamed.error.message


@given(any_bad_status, st.sampled_from(["", STREAM_INFO, TOKEN_INFO]), st.data())
def test_silence_is_transient(status, said, data):
    """An end that said nothing of use was killed or cut off: worth another attempt."""
    received = Ended(data.draw(any_bad_status | st.just(0)), data.draw(effects[Side.TARGET]))

    assert isinstance(blame(Ended(status, said), received).error, TransientError)


@given(st.sampled_from([None, -9, -15]), effects[Side.TARGET])
def test_harmless_words_of_a_cut_off_sender_are_no_reason(status, effect):
    """A sender that was killed or cut off did not end because of what it had said before."""
    blamed = blame(Ended(status, HARMLESS), Ended(1, effect.replace("roken pipe", "incomplete stream")))

    assert isinstance(blamed.error, TransientError)


@pytest.mark.parametrize(
    ("sent", "received", "where"),
    [
        (Ended(None, ""), Ended(1, "cannot receive: failed to read from stream"), LINK),
        (Ended(None, ""), Ended(0, ""), LINK),
        (Ended(-9, ""), Ended(1, "cannot receive: incomplete stream"), "source"),
        (Ended(-13, ""), Ended(-9, ""), "target"),
        (Ended(1, "cannot send: Broken pipe"), Ended(-9, ""), "target"),
        (Ended(0, ""), Ended(1, "cannot receive: incomplete stream"), "target"),
        (Ended(1, "cannot send: Broken pipe"), Ended(1, "cannot receive: out of space"), "target"),
    ],
)
def test_where(sent, received, where):
    """The side that failed first is told apart from the one that only followed."""
    assert blame(sent, received).where == where


@given(any_bad_status, st.text(max_size=2000), any_bad_status | st.just(0), st.text(max_size=2000))
def test_any_words_give_an_error(sent_status, sent, received_status, received):
    """Whatever both ends say, there is one error with both statuses in bounded words."""
    blamed = blame(Ended(sent_status, sent), Ended(received_status, received))

    assert describe_status(sent_status) in blamed.error.message
    assert describe_status(received_status) in blamed.error.message
    assert len(blamed.error.message) < 1500
    assert blamed.where in {"source", "target", LINK}
    assert (blamed.error.host, blamed.error.dataset) == ("gw", "backup/a")


@pytest.mark.parametrize(
    ("side", "status", "stderr", "kind", "reason"),
    [
        (Side.TARGET, 1, "cannot receive: out of space", LocalResourceError, "out_of_space"),
        (Side.TARGET, 1, "destination x has been modified", RefusalError, "target_modified"),
        (Side.SOURCE, 1, "cannot open: permission denied", PermanentError, "permission"),
        (Side.SOURCE, 1, "I/O error", TransientError, "io_error"),
        (Side.SOURCE, 1, "no text of ours", PermanentError, "unknown"),
        (Side.SOURCE, None, "no text of ours", TransientError, "killed"),
        (Side.SOURCE, -9, "", TransientError, "killed"),
    ],
)
def test_failed_command(side, status, stderr, kind, reason):
    """A command's words decide what to do next; being cut off is always worth another attempt."""
    error = failure(side, "zfs list", Completed(status, "", stderr), host="gw", dataset="tank/a")

    assert type(error) is kind
    assert (error.reason, error.host, error.dataset) == (reason, "gw", "tank/a")
    assert "zfs list" in error.message


@given(any_bad_status, st.text(max_size=40), st.text(max_size=40))
def test_only_a_missing_dataset_is_an_empty_listing(status, stdout, stderr):
    """No failure but "does not exist", with nothing listed, is taken for an empty listing."""
    assume("does not exist" not in stderr)
    assume("no such pool" not in stderr)

    with pytest.raises((TransientError, PermanentError, RefusalError, LocalResourceError)):
        listed(Completed(status, stdout, stderr), Side.SOURCE, dataset="tank/a")


def test_a_listing_that_broke_off_is_not_empty():
    """A listing that printed something and then failed is a failure, whatever it says is missing."""
    with pytest.raises(TransientError):
        listed(Completed(1, "tank/a\t1\n", "cannot open 'tank/b': dataset does not exist"), Side.SOURCE, dataset="tank")
