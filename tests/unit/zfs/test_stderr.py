"""What zfs(8) says beside the point."""

from zfspull.zfs.stderr import Side, Verdict, classify, without_stream_info


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
