"""Rounds: everyone in turn, medians count."""

from __future__ import annotations

from benchmarks.rounds import in_turn, medians


def test_medians():
    """Each figure's median counts, over the runs that have it."""
    assert medians([{"s": 1.0}, {"s": 9.0, "b": 4.0}, {"s": 2.0}]) == {"s": 2.0, "b": 4.0}


def test_in_turn():
    """All run in each round, and none always follows the same one."""
    order = []

    def contestant(name):
        def run():
            order.append(name)
            return {"s": float(len(order))}

        return run

    found = in_turn({"us": contestant("us"), "peer": contestant("peer")}, rounds=3)

    assert order == ["us", "peer", "peer", "us", "us", "peer"]
    assert found == {"us": {"s": 4.0}, "peer": {"s": 3.0}}


def test_before_each_round():
    """What makes a round a new one is done before each, not before each contestant."""
    order = []

    def contestant():
        order.append("us")
        return {}

    in_turn({"us": contestant}, rounds=2, before=lambda: order.append("before"))

    assert order == ["before", "us", "before", "us"]
