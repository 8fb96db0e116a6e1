"""YAML as plain data with positions."""

from __future__ import annotations

import pytest

from zfspull.config.document import MAX_VALUES, parse_document


def messages(text):
    return [str(problem) for problem in parse_document("f", text.encode()).problems]


def test_yaml_is_that_of_1_2():
    """Words stay words and numbers are what they look like, as YAML 1.2 has it."""
    text = "a: [yes, no, on, 017, 0o17, 0x1F, 1_000, 12:30:00, 2026-11-21, true, ~, 1.5, '5', !!str 5, .inf]"
    document = parse_document("f", text.encode())

    assert document.problems == ()
    assert document.data["a"] == [
        *("yes", "no", "on", 17, 15, 31, 1000, "12:30:00", "2026-11-21", True, None, 1.5, "5", "5", float("inf")),
    ]


def test_positions():
    """Every key and element knows its line and column; what is not there has the place of what it is missing from."""
    document = parse_document("f", b"# x\nhosts:\n  gw:\n    zfs: [sudo,\n          zfs]\n")

    assert document.position(("hosts", "gw")) == (3, 3)
    assert document.position(("hosts", "gw", "zfs", 1)) == (5, 11)
    assert document.position(("hosts", "gw", "address")) == (3, 3)
    assert document.position(()) == (2, 1)
    assert document.place(("hosts",)) == "f:2"
    assert str(document.problem(("hosts", "gw", "zfs", 1), "no")) == "f:5:11: hosts.gw.zfs[1]: no"


def test_all_duplicate_keys_are_reported():
    """Every key given twice is reported with both places, and the first value counts."""
    text = "a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n"

    assert messages(text) == [
        "f:2:11: b.c: is given twice; the first is in line 2",
        "f:3:1: a: is given twice; the first is in line 1",
        "f:4:1: a: is given twice; the first is in line 1",
    ]
    assert parse_document("f", text.encode()).data == {"a": 1, "b": {"c": 1}}


def test_aliases_are_unfolded():
    """An alias stands for a copy of what its anchor marks."""
    assert parse_document("f", b"a: &x {k: 1}\nb: *x\n").data == {"a": {"k": 1}, "b": {"k": 1}}


def test_bombs_are_defused():
    """Aliases of aliases of aliases unfold to no more than a bounded number of values, and that is one problem."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = messages("\n".join(lines))

    assert len(found) == 1
    assert f"unfolds to more than {MAX_VALUES} values" in found[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [*a]", "f:1:4: a[0]: contains itself"),
        ("a: !x 1", "f:1:4: a: has the tag !x; tags are not used here"),
        ("a: !!set {x}", "f:1:4: a: has the tag !!set; tags are not used here"),
        ("[1]: 2", "f:1:1: file: has a key that is no word"),
        ("? {a: 1}\n: 2", "f:1:3: file: has a key that is no word"),
        (": 2", "has a key that is no word"),
        ("<<: {a: 1}", "merging (<<) is no part of YAML 1.2"),
        ('a: "\\ud800"', "holds half a character"),
        ("a: 1\n---\nb: 2", "f:2:1: yaml: but found another document"),
        ("a: b: c", "f:1:5: yaml: mapping values are not allowed here: is a quote missing"),
        ("a: [1", "that begins in line 1"),
    ],
)
def test_yaml_that_is_not_used_here(text, words):
    """What YAML could do and a configuration needs not is refused where it stands."""
    assert words in messages(text)[0]


def test_numbers_without_end():
    """A number of thousands of digits is text, which no key takes for a number."""
    assert parse_document("f", b"a: " + b"9" * 5000).data == {"a": "9" * 5000}
