import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.exclude import excluded, pattern_error


NAMES = st.text("ab.", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "?", "a*", "[ab]", "[!a]", "**"]), min_size=1, max_size=5).map(
    "/".join
)


@pytest.mark.parametrize(
    ("pattern", "hits", "misses"),
    [
        ("cache", ["cache", "cache/x/y"], ["", "cachet", "my/cache", "Cache"]),
        ("vm/*/swap", ["vm/web/swap", "vm/web/swap/x"], ["vm", "vm/swap", "vm/web", "vm/a/b/swap", "x/vm/web/swap"]),
        ("v?", ["v1", "v1/x"], ["v", "v12"]),
        ("*-tmp", ["-tmp", "a-tmp/x"], ["a/b-tmp", "a-tmp2"]),
        ("v[12]", ["v1", "v2"], ["v3", "v[12]"]),
        ("v[!12]", ["v3"], ["v1", "v"]),
        ("**/swap", ["swap", "a/swap", "a/b/swap", "a/swap/b"], ["swaps", "a/b", ""]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z/d"], ["a", "z", "b/a/z"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c", ""]),
        ("**", ["a", "a/b"], [""]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_patterns(pattern, hits, misses):
    """Anchored at the root, whole components, `*` within one and `**` over any number of them."""
    assert [path for path in hits if not excluded(path, [pattern])] == []
    assert [path for path in misses if excluded(path, [pattern])] == []
    assert pattern_error(pattern) is None


@given(path=PATHS, below=NAMES, patterns=st.lists(PATTERNS, max_size=3))
def test_what_lies_below_an_excluded_dataset_is_excluded(path, below, patterns):
    """A dataset without its parent could not be received."""
    assert excluded(f"{path}/{below}", patterns) or not excluded(path, patterns)


@given(patterns=st.lists(PATTERNS | st.text()))
def test_the_root_is_never_excluded(patterns):
    """No pattern makes a job empty."""
    assert not excluded("", patterns)


@given(path=PATHS, one=st.lists(PATTERNS), other=st.lists(PATTERNS))
def test_patterns_add_up(path, one, other):
    """Several patterns exclude what any of them does."""
    assert excluded(path, [*one, *other]) == (excluded(path, one) or excluded(path, other))


def test_many_stars_do_not_slow_down():
    """The effort grows with the pattern's length, not with the ways in which it could match."""
    assert not excluded("/".join(["a"] * 60), ["/".join(["**", "a"] * 25 + ["b"])])


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "empty"),
        ("/cache", "without a '/'"),
        ("cache/", "reserved component ''"),
        ("a//b", "reserved component ''"),
        ("../x", "'..'"),
        ("a@daily", "snapshot"),
        ("a**b", "whole components"),
        ("a[", "can match no dataset"),
        ("a[]", "can match no dataset"),
        ("müll", "can match no dataset"),
    ],
)
def test_patterns_that_can_not_be_meant(pattern, says):
    """The error names what is wrong with the pattern."""
    assert says in (pattern_error(pattern) or "")


@given(pattern=st.text())
def test_any_text_is_judged(pattern):
    """No text makes the check or the match fail."""
    pattern_error(pattern)
    excluded("a/b", [pattern])
