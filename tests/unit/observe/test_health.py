"""Whether the daemon is well."""

from zfspull.observe.health import Heartbeat, assess


def test_a_heartbeat_that_stops_is_a_trouble(clock):
    """Progress within the limit is fine; none for longer says for how long."""
    heart = Heartbeat(clock, limit_seconds=30)
    clock.seconds += 30
    assert heart.check() is None
    clock.seconds += 1
    assert heart.check() == "no progress for 31 s, at most 30 s are expected"
    heart.beat()

    assert heart.check() is None


def test_a_broken_check_is_a_trouble():
    """A check that raises is reported like one that fails."""

    def broken():
        raise RuntimeError("boom")

    assert assess({"fine": lambda: None, "bad": lambda: "off", "broken": broken}) == {
        "fine": "ok",
        "bad": "off",
        "broken": "the check itself failed: RuntimeError('boom')",
    }
