import pytest

from zfspull.zfs.texts import Side
from zfspull.zfs.versions import BUGS, Versions, bugs, parse_versions, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zfs-2.3.9-1\nzfs-kmod-2.3.9-1\n", Versions((2, 3, 9), (2, 3, 9))),
        ("zfs-2.1.11-1+deb12u1\nzfs-kmod-2.1.9-1\n", Versions((2, 1, 11), (2, 1, 9))),
        ("zfs-2.4.0\n", Versions((2, 4, 0), None)),
        ("zfs-kmod-v2.2.99-1_gdeadbeef\n", Versions(None, (2, 2, 99))),
        ("\x1b]0;evil\x07zfs version\n", Versions()),
    ],
)
def test_versions_are_read(text, expected):
    """Commands and module are told apart, whatever a distribution appends; other text is no version."""
    assert parse_versions(text) == expected


def test_the_module_counts():
    """What reads and writes pools is the module; commands of another version are noticed."""
    versions = parse_versions("zfs-2.3.9-1\nzfs-kmod-2.3.2-1\n")

    assert versions.effective == (2, 3, 2)
    assert versions.differ
    assert not parse_versions("zfs-2.3.9\nzfs-kmod-2.3.9\n").differ


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ((2, 2, 7), True),
        ((2, 2, 8), False),
        ((2, 3, 2), True),
        ((2, 3, 3), False),
        ((2, 1, 16), True),
        ((2, 4, 0), False),
    ],
)
@pytest.mark.parametrize("side", [Side.SOURCE, Side.TARGET])
def test_non_raw_sends_are_warned_of_exactly_where_they_are_broken(version, known, side):
    """The ranges of openzfs #12014 are those of the facts: mended in 2.2.8, 2.3.3 and 2.4, never in 2.1."""
    issues = [bug.issue for bug in bugs(version, side, encrypted=True)]

    assert any("#12014" in issue for issue in issues) is known


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.issue)
def test_each_bug_ends_with_the_version_that_mends_it(bug):
    """A bug is told of the last version that has it, and neither of the first without nor of plain datasets."""
    side = next(iter(bug.sides))
    for _, end in bug.ranges:
        before = (end[0], end[1], end[2] - 1) if end[2] else (end[0], end[1] - 1, 99) if end[1] else (end[0] - 1, 9, 9)
        assert bug in bugs(before, side, encrypted=True)
        assert bug not in bugs(end, side, encrypted=True)
        assert bug not in bugs(before, side, encrypted=False)
        assert shown(end) in bug.mended
