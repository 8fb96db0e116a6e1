from zfspull.cli.render_doctor import doctor_shape, doctor_view, summary
from zfspull.cli.terminal import as_text
from zfspull.site.finding import Finding, Level


FINDINGS = [
    Finding(check="zfs", level=Level.OK, text="OpenZFS 2.3.9 here"),
    Finding(check="gate", level=Level.NOTE, text="no gate [red]", mend="zfspull setup gw", host="gw"),
    Finding(check="clock", level=Level.WARN, text="an hour\x1b[31m ahead\nof ours", mend="set it", host="gw"),
    Finding(check="source", level=Level.FAIL, text="not there", host="gw", job="home"),
]


def test_findings_stand_below_what_they_are_about():
    """A block for each place, a line for each finding, what mends it below; foreign text drives no terminal."""
    assert as_text(doctor_view(FINDINGS), 100).splitlines() == [
        "this machine",
        "  ok    OpenZFS 2.3.9 here",
        "",
        "host gw",
        "  note  no gate [red]",
        "        > zfspull setup gw",
        "  WARN  an hour\\x1b[31m ahead",
        "        of ours",
        "        > set it",
        "",
        "job home",
        "  FAIL  not there",
        "",
        "1 failure, 1 warning",
    ]


def test_the_summary_counts_what_is_to_be_mended():
    """Notes do not count: with nothing worse all is well."""
    assert summary(FINDINGS[:2]) == "all well: 2 findings, nothing to mend"
    assert summary(FINDINGS) == "1 failure, 1 warning"


def test_the_json_has_the_text_as_it_came():
    """For programs nothing is escaped twice, and what is not there is null."""
    shape = doctor_shape(FINDINGS)

    assert shape["ok"] is False
    assert doctor_shape(FINDINGS[:2])["ok"] is True
    assert shape["findings"][0] == {
        "check": "zfs", "host": None, "job": None, "level": "ok", "text": "OpenZFS 2.3.9 here", "mend": None,
    }  # fmt: skip
    assert shape["findings"][2]["text"] == "an hour\x1b[31m ahead\nof ours"
