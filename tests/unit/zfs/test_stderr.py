"""What zfs(8) says beside the point."""

import pytest

from zfspull.zfs.stderr import classify, without_stream_info
from zfspull.zfs.texts import Side, Verdict


WARNINGS = (
    "Warning: v/n: property 'canmount' does not apply to datasets of this type\n"
    "Warning: v/n: property 'mountpoint' does not apply to datasets of this type\n"
)


def test_a_warning_about_what_is_left_out_hides_no_cause():
    """A volume's receive that fails is judged by its error, not by the warnings that `-x` earns it each time."""
    said = WARNINGS + "cannot receive resume stream: checksum mismatch or incomplete stream.\n"

    assert classify(Side.TARGET, said).reason == "stream_ended"
    assert classify(Side.TARGET, WARNINGS) is None
    assert without_stream_info(WARNINGS) == ""


def test_a_property_that_can_not_be_set_is_an_error_still():
    """The same words without the warning come from `-o`, and then somebody must mend the settings."""
    said = "cannot receive new filesystem stream: property 'canmount' does not apply to datasets of this type\n"

    assert classify(Side.TARGET, said).verdict is Verdict.FAIL


NOT_DELEGATED = (
    "cannot receive canmount property on backup/a: permission denied\n"
    "cannot receive org.example:note property on backup/a b: out of space\n"
    "1 more property could not be set\n"
    "3 more properties could not be set\n"
)


def test_a_property_that_was_not_set_hides_no_cause():
    """A snapshot that arrived without one of its properties is no reason why the stream broke off after it."""
    said = NOT_DELEGATED + "cannot receive incremental stream: checksum mismatch or incomplete stream.\n"

    assert classify(Side.TARGET, said).reason == "stream_ended"
    assert classify(Side.TARGET, NOT_DELEGATED) is None
    assert without_stream_info(NOT_DELEGATED) == ""


RESUMED = (
    "resume token contents:\nnvlist version: 0\n\tfromguid = 0x1\n\tobject = 0x1\n\toffset = 0x0\n\tbytes = 0x2f5f8\n"
    "\ttoguid = 0x11\n\ttoname = tank/a b@two\n\tcompressok = 1\n\trawok = 1\n"
)
"""As nvlist_print() prints what is in a token."""


@pytest.mark.parametrize(
    "said",
    [
        "full\ttank/a@one\t1234\nsize\t1234\n",
        "incremental\tone\ttank/a@two\t1234\nincremental\ttwo\ttank/a@three\t99\nsize\t1333\n",
        RESUMED + "incremental\ttank/a@one\ttank/a b@two\t1234\nsize\t1234\n",
        "12:00:01\t1234\ttank/a@two\n12:00:02\t1234\t12\ttank/a@two\n",
        "12:00:01   1.2K   tank/a@two\n12:00:02    1.2K          12    tank/a@two\n",
        "full\ttank/permission denied@one\t1234\n",
    ],
)
def test_what_a_sender_says_of_its_stream_is_no_reason(said):
    """Of a sender that only told what it sends nothing is left, so that its end counts as sudden."""
    assert without_stream_info(said) == ""
    assert classify(Side.SOURCE, said) is None


def test_reasons_that_look_like_stream_info_stay():
    """A second line that begins as the sender's own telling does is shown to the operator all the same."""
    said = "WARNING: could not send tank/a@b:\nincremental source (tank/a@x) is not earlier than it"

    assert without_stream_info(said) == said
    assert classify(Side.SOURCE, said).reason == "source_changed"
