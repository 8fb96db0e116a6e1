"""The source changes under a pull: what was listed is gone, or is something else by now."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.faults import mishaps
from tests.faults.arena import PAYLOAD_BYTES, SLOW, SOURCE, TARGET, TRICKLE, Arena


pytestmark = pytest.mark.timeout(900)  # a reboot, and two recoveries, on a busy host under emulation
_numbers = itertools.count(1)
_CUT_BYTES = 700_000  # of a stream that is longer


def test_snapshot_destroyed_while_it_is_sent(arena: Arena) -> None:
    """A snapshot that goes while it is sent takes its partial receive with it, and the next snapshot arrives instead."""
    arena.source.shape_link(SLOW)
    name = arena.load(10_000_000, paths=("plain",))  # more than fits into the buffers on the way
    arena.wait_received(500_000)
    mishaps.destroy_sent(arena, "plain", name)
    arena.load(100_000)
    arena.converge("snapshot destroyed while it was sent")


@pytest.fixture
def one_stream(arena: Arena) -> Iterator[Arena]:
    """One stream at a time, so that what is changed while the first one runs was listed and is not sent yet."""
    arena.reload(streams=1)
    arena.await_run()
    yield arena
    arena.reload()


def _change_before_its_turn(arena: Arena, paths: tuple[str, ...], script: str) -> None:
    """Load, and change on the source what has not had its turn while the first of it flows.

    A listing takes a while. If the load comes in the middle of one, that run has the last datasets only, and what is to
    be changed may flow itself and be busy: then all of it once more.
    """
    for _ in range(4):
        arena.source.shape_link(TRICKLE)
        name = arena.load(paths=paths)
        arena.wait_received(PAYLOAD_BYTES // 10)
        said = arena.change(script.format(name=name), check=False)
        if not said:
            return
        assert "dataset is busy" in said, said
        arena.converge()
    pytest.fail("what was to be changed had its turn first each time")


def test_snapshot_and_dataset_destroyed_between_list_and_send(one_stream: Arena) -> None:
    """What was destroyed on the source before its turn came fails nothing else, and nothing of it goes on the target."""
    arena = one_stream
    late = f"z{next(_numbers)}"
    arena.change(f"zfs create {SOURCE}/{late} && zfs create {SOURCE}/y{late} && zfs snapshot -r {SOURCE}@with-{late}")
    arena.converge()
    _change_before_its_turn(
        arena, ("plain", late, f"y{late}"),
        f"zfs destroy {SOURCE}/y{late}@{{name}} && zfs destroy -r {SOURCE}/{late}",
    )  # fmt: skip
    arena.converge("snapshot and dataset destroyed between list and send")
    kept = arena.site.snapshots(arena.backup, f"{TARGET}/{late}")
    assert f"with-{late}" in dict(kept)


def test_snapshot_recreated_between_list_and_send(one_stream: Arena) -> None:
    """A snapshot that was destroyed and taken anew under its name is known by its guid, and the new one arrives."""
    arena = one_stream
    path = f"{SOURCE}/sealed/own"
    _change_before_its_turn(
        arena, ("plain", "sealed/own"),
        f"zfs destroy {path}@{{name}} && head -c 500000 /dev/urandom >/{path}/anew && zfs snapshot {path}@{{name}}",
    )  # fmt: skip
    arena.converge("snapshot recreated between list and send")


def test_dataset_recreated_between_list_and_first_send(one_stream: Arena) -> None:
    """A dataset destroyed and made anew under its name before its first send arrives as what it is now."""
    arena = one_stream
    late = f"x{next(_numbers)}"  # after the ones that carry a payload
    arena.source.shape_link(TRICKLE)
    arena.change(f"zfs create {SOURCE}/{late}")
    name = arena.load(paths=("plain", late))
    arena.wait_received(PAYLOAD_BYTES // 10)
    arena.change(
        f"zfs destroy -r {SOURCE}/{late}; zfs create {SOURCE}/{late} && zfs snapshot {SOURCE}/{late}@{name}",
        check=False,
    )
    arena.converge("dataset recreated between list and first send")


def test_partial_receive_of_another_dataset(arena: Arena) -> None:
    """A resume token that belongs to another dataset's stream is not followed; its partial state is given up."""
    late = f"t{next(_numbers)}"
    arena.load(2 * _CUT_BYTES)
    arena.converge()
    arena.site.stop()
    arena.change(
        f"zfs create {SOURCE}/{late} && echo mine >/{SOURCE}/{late}/file && zfs snapshot {SOURCE}/{late}@first"
    )
    _interrupted(
        arena, f"{SOURCE}/plain@$(zfs list -H -d 1 -t snapshot -o name {SOURCE}/plain | tail -1 | cut -d@ -f2)", late
    )
    arena.site.start()
    arena.converge("partial receive of another dataset")
    assert "resume.discarded" in arena.recent_log()


def test_partial_receive_of_a_snapshot_that_is_gone(arena: Arena) -> None:
    """A resume token for a snapshot that was destroyed meanwhile is given up, and the dataset pulled from what is there."""
    late = f"t{next(_numbers)}"
    arena.load(2 * _CUT_BYTES)
    arena.converge()
    arena.site.stop()
    arena.change(
        f"zfs create {SOURCE}/{late} && head -c {2 * _CUT_BYTES} /dev/urandom >/{SOURCE}/{late}/file && zfs snapshot {SOURCE}/{late}@gone"
    )
    _interrupted(arena, f"{SOURCE}/{late}@gone", late)
    arena.change(f"zfs destroy {SOURCE}/{late}@gone && zfs snapshot {SOURCE}/{late}@first")
    arena.site.start()
    arena.converge("partial receive of a snapshot that is gone")
    assert "resume.discarded" in arena.recent_log()


def _interrupted(arena: Arena, snapshot: str, path: str) -> None:
    """Leave half a receive of `snapshot` in the target dataset `path`, as another tool could have done."""
    done = arena.source.run(f"zfs send -w {snapshot} | head -c {_CUT_BYTES} | base64 -w0", check=False).stdout
    arena.backup.run(f"base64 -d | zfs receive -s -u {TARGET}/{path}", input=done, check=False)
    token = arena.backup.run(f"zfs get -Hp -o value receive_resume_token {TARGET}/{path}").stdout.strip()
    assert len(token) > 50, "no partial state was left"
