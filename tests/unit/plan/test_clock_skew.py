from hypothesis import given
from hypothesis import strategies as st

from zfspull.plan.clock_skew import skew_seconds


@given(before=st.floats(1e9, 2e9), took=st.floats(0, 100), share=st.floats(0, 1), skew=st.integers(-(10**9), 10**9))
def test_skew_is_never_overstated_and_only_by_the_time_it_took_understated(before, took, share, skew):
    """Whenever within the command the snapshot was taken, what is told is at most the true skew, and nearly all of it."""
    creation = int(before + share * took + skew)

    found = skew_seconds(before, creation, before + took)

    tolerance = 1e-3  # of floats
    assert abs(found) <= abs(skew) + tolerance
    assert found * skew >= 0
    assert abs(skew) - abs(found) <= took + 1 + tolerance


def test_clocks_that_agree_have_no_skew():
    """A creation between the two looks, cut to its second, says nothing against the clocks."""
    assert skew_seconds(100.7, 100, 101.2) == 0
    assert skew_seconds(100.7, 101, 101.2) == 0
    assert (skew_seconds(100.7, 7301, 101.2), skew_seconds(100.7, 40, 101.2)) == (7301 - 101.2, 41 - 100.7)
