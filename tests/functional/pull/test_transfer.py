"""One step over a real connection into a real process, and every way in which it can end."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.functional.hosts import children
from tests.functional.hosts.sshhost import MIB, prints, silent, streams
from tests.functional.hosts.waiting import until
from tests.functional.pull.bench import ChildTarget, Pull
from zfspull.clock import SystemClock
from zfspull.errors import LocalResourceError, PermanentError, RefusalError, TransientError
from zfspull.events import Noticed, TransferFailed, TransferFinished, TransferProgress, TransferStarted
from zfspull.hosts.limiter import Limiter
from zfspull.hosts.source import SshSource
from zfspull.pull.transfer import DiscardNeededError
from zfspull.zfs.model import Arrived


SIZES = "full\ttank/a@now\t{size}\nsize\t{size}\n"


def pull_of(host, argv, *, connection=None, **settings):
    patience_seconds = settings.pop("patience_seconds", 10.0)
    source = SshSource(connection or host.connection())
    return Pull(source, ChildTarget(argv, patience_seconds=patience_seconds), **settings)


async def failure_of(pull):
    with pytest.raises((TransientError, PermanentError, RefusalError, LocalResourceError)) as caught:
        await pull.step()
    assert children.is_gone(pull.target.pid)
    assert pull.recorder.only(TransferFinished) == []
    return caught.value, pull.recorder.only(TransferFailed)[0]


async def test_everything_arrives(ssh_host, tmp_path):
    """All bytes that the sender printed reach the receiver, which then sees the end and is reaped; both are booked."""
    ssh_host.script = streams(20 * MIB, stderr=SIZES.format(size=20 * MIB))
    pull = pull_of(ssh_host, children.counts(tmp_path / "report"))

    await pull.step()

    assert ssh_host.commands == [["zfs", "send", "-P", "-w", "tank/a@now"]]
    assert (tmp_path / "report").read_text() == f"eof after {20 * MIB}"
    assert pull.tally.received == {"backup/a": 20 * MIB}
    assert [type(event) for event in pull.recorder.events if not isinstance(event, TransferProgress)] == [
        TransferStarted,
        TransferFinished,
    ]
    assert children.is_gone(pull.target.pid)


async def test_receiver_dies(ssh_host):
    """A receiver that dies mid-stream ends the sender; the error has its cause and both ends, the connection stays."""
    ssh_host.script = streams(1 << 40)
    connection = ssh_host.connection()
    pull = pull_of(
        ssh_host,
        children.dies(after_bytes=5 * MIB, text="cannot receive new filesystem stream: out of space\n", status=1),
        connection=connection,
    )
    started = time.monotonic()

    error, event = await failure_of(pull)

    assert isinstance(error, LocalResourceError)
    assert (error.reason, error.dataset, event.side) == ("out_of_space", "backup/a", "target")
    assert "target `zfs receive` ended with status 1: cannot receive new filesystem stream: out of space" in str(error)
    assert "source `zfs send` ended with" in str(error)
    assert time.monotonic() - started < 20
    await until(lambda: not ssh_host.running)
    ssh_host.script = prints("well\n")
    assert (await connection.run(["true"], timeout_seconds=20)).stdout == "well\n"
    assert len(ssh_host.connections) == 1


async def test_receiver_dies_at_once(ssh_host):
    """A receiver that refuses before it reads anything is the cause, though the sender has sent all it had."""
    ssh_host.script = streams(MIB)
    text = "cannot receive incremental stream: destination backup/a has been modified\nsince most recent snapshot\n"
    pull = pull_of(ssh_host, children.dies(after_bytes=0, text=text, status=1))

    error, event = await failure_of(pull)

    assert isinstance(error, RefusalError)
    assert (error.reason, event.side) == ("target_modified", "target")


async def test_receiver_is_killed(ssh_host):
    """A receiver that was killed without a word is a transient failure of the target."""
    ssh_host.script = streams(1 << 40)
    pull = pull_of(ssh_host, children.dies(after_bytes=MIB, text="", status=-signal.SIGKILL))

    error, event = await failure_of(pull)

    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("killed", "target")
    assert "`zfs receive` ended with signal 9" in str(error)


async def test_sender_fails(ssh_host, tmp_path):
    """What the sender said is the cause, and what the receiver made of the broken stream is not."""
    ssh_host.script = streams(
        MIB, status=1, stderr="cannot resume send: 'tank/a@x' used in the initial send no longer exists\n"
    )
    effect = "cannot receive resume stream: checksum mismatch or incomplete stream.\n"
    pull = pull_of(ssh_host, children.dies(after_bytes=1 << 40, text=effect, status=1))

    error, event = await failure_of(pull)

    assert isinstance(error, DiscardNeededError)
    assert (error.reason, event.side) == ("token_stale", "source")
    assert "incomplete stream" in str(error)
    assert "no longer exists" in str(error)


def lingers(*, status):
    """A sender that has sent all and takes longer to end than a receiver that failed would wait for it."""

    async def script(_, process):
        process.stdout.write(b"z" * 100_000)
        await process.stdout.drain()
        await asyncio.sleep(3)
        process.stderr.write(b"warning: cannot send 'tank/a@now': I/O error\n" if status else b"")
        process.exit(status)

    return script


async def test_sender_that_takes_its_time_to_end_is_waited_for(ssh_host):
    """A receiver that has it all and is content says that nothing is wrong: the sender's own status is awaited."""
    ssh_host.script = lingers(status=0)
    pull = pull_of(ssh_host, ("sh", "-c", "head -c 100000 >/dev/null"))

    await pull.step()

    assert pull.tally.received == {"backup/a": 100_000}


async def test_p6_sender_that_fails_after_its_receiver_was_content_has_failed(ssh_host):
    """Both ends have to end well, however late the second one says that it did not."""
    ssh_host.script = lingers(status=1)
    pull = pull_of(ssh_host, ("sh", "-c", "head -c 100000 >/dev/null"))

    error, event = await failure_of(pull)

    assert event.side == "source"
    assert "source `zfs send` ended with status 1: warning: cannot send 'tank/a@now': I/O error" in str(error)


async def test_p9_sender_that_goes_on_sending_to_nobody_is_ended(ssh_host):
    """A source that never stops sending to a receiver that has ended well does not keep its place for ever."""
    ssh_host.script = streams(1 << 40)
    pull = pull_of(ssh_host, ("sh", "-c", "head -c 100000 >/dev/null"), stall_timeout_seconds=3.0)

    async with asyncio.timeout(30):
        await failure_of(pull)

    await until(lambda: not ssh_host.running)


@pytest.mark.parametrize("words", ["", "perl: warning: Setting locale failed.\n"])
async def test_sender_is_killed(ssh_host, words):
    """A sender that was killed is a transient failure of the source, whatever harmless things it had said."""

    async def script(_, process):
        process.stdout.write(b"z" * MIB)
        process.stderr.write(words.encode())
        process.exit_with_signal("KILL")

    ssh_host.script = script
    effect = "cannot receive: failed to read from stream\n"
    pull = pull_of(ssh_host, children.dies(after_bytes=1 << 40, text=effect, status=1))

    error, event = await failure_of(pull)

    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("killed", "source")
    assert "`zfs send` ended with signal 9" in str(error)


async def test_sender_without_status_is_failure(ssh_host):
    """A stream whose sender's end was never learnt is not taken for complete, though the receiver was content."""

    async def script(_, process):
        process.stdout.write(b"z" * MIB)
        process.close()

    ssh_host.script = script

    error, event = await failure_of(pull_of(ssh_host, children.SWALLOW))

    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("killed", "link")


async def test_connection_lost(ssh_host, tmp_path):
    """A connection lost mid-stream is transient; the receiver sees the end of the stream, may save, and is reaped."""
    ssh_host.script = silent(after_bytes=3 * MIB)
    pull = pull_of(ssh_host, children.counts(tmp_path / "report"))
    failing = asyncio.create_task(failure_of(pull))
    await until(lambda: pull.target.child and pull.tally and ssh_host.running)
    await asyncio.sleep(0.2)

    ssh_host.crash()
    error, event = await failing

    assert isinstance(error, TransientError)
    assert (error.reason, error.host, event.side) == ("connection_lost", "gw", "link")
    assert (tmp_path / "report").read_text().startswith("eof after")


async def test_p10_black_hole_stops_one_host_only(ssh_host, proxy, tmp_path):
    """A way that swallows everything without a reset is noticed by keepalive, and another connection goes on."""
    ssh_host.script = streams(1 << 40)
    lost = pull_of(
        ssh_host,
        children.SWALLOW,
        connection=ssh_host.connection(
            port=proxy.port, known_hosts=known(ssh_host, proxy), keepalive_interval_seconds=0.3
        ),
    )
    failing = asyncio.create_task(failure_of(lost))
    await until(lambda: lost.target.child and ssh_host.running == 1)
    ssh_host.script = streams(8 * MIB)
    other = pull_of(ssh_host, children.SWALLOW)
    started = time.monotonic()

    proxy.swallow()
    await other.step()
    error, event = await failing

    assert other.tally.received == {"backup/a": 8 * MIB}
    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("connection_lost", "link")
    assert time.monotonic() - started < 15


def known(host, proxy):
    path = host.directory / "proxy_known_hosts"
    path.write_text(host.known_hosts.read_text().replace(str(host.port), str(proxy.port)))
    return path


async def test_source_stalls(ssh_host, tmp_path):
    """A sender that says nothing for too long is given up, blamed, and its channel closed; the receiver may save."""
    ssh_host.script = silent(after_bytes=1000)
    pull = pull_of(ssh_host, children.counts(tmp_path / "report"), stall_timeout_seconds=0.5)

    error, event = await failure_of(pull)

    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("stalled_source", "source")
    assert "host gw sent nothing" in str(error)
    assert (tmp_path / "report").read_text() == "eof after 1000"
    await until(lambda: not ssh_host.running)


async def test_target_stalls(ssh_host):
    """A receiver that takes nothing for too long is given up and blamed."""
    ssh_host.script = streams(1 << 40)
    pull = pull_of(ssh_host, children.READS_NOTHING, stall_timeout_seconds=0.5, patience_seconds=0.2)

    error, event = await failure_of(pull)

    assert (error.reason, event.side) == ("stalled_target", "target")
    await until(lambda: not ssh_host.running)


async def test_target_stalls_after_the_end(ssh_host):
    """A receiver that has everything and never ends is blamed itself, not the source that has long finished."""
    ssh_host.script = streams(1000)
    pull = pull_of(
        ssh_host, ("sh", "-c", "cat >/dev/null; exec sleep 300"), stall_timeout_seconds=0.5, patience_seconds=0.2
    )

    error, event = await failure_of(pull)

    assert (error.reason, event.side) == ("stalled_target", "target")


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.timeout(20)
async def test_target_that_closed_its_input_stalls(ssh_host, limited):
    """A receiver that reads no more and does not end is given up and blamed, with a rate limit or without."""
    ssh_host.script = streams(1 << 40)
    pull = pull_of(ssh_host, ("sh", "-c", "exec <&-; exec sleep 300"), stall_timeout_seconds=1.2, patience_seconds=0.2)
    if limited:
        pull.context.source._limiter = Limiter(MIB, SystemClock())

    error, event = await failure_of(pull)

    assert (error.reason, event.side) == ("stalled_target", "target")


async def test_slow_is_not_stalled(ssh_host):
    """A receiver that takes a little now and then is slow, however long one window takes it."""
    ssh_host.script = streams(5 * MIB)
    pull = pull_of(ssh_host, children.slow(MIB), stall_timeout_seconds=1.8)

    await pull.step()

    assert pull.tally.received == {"backup/a": 5 * MIB}


@pytest.mark.parametrize("argv", [children.SWALLOW, children.slow(2 * MIB)])
async def test_cancelled(ssh_host, argv):
    """Cancelled mid-transfer: the sender is ended, the receiver is reaped, what had passed is booked, and no event lies."""
    ssh_host.script = streams(1 << 40)
    pull = pull_of(ssh_host, argv)
    running = asyncio.create_task(pull.step())
    await until(lambda: pull.recorder.only(TransferProgress))

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert children.is_gone(pull.target.pid)
    assert pull.tally.received["backup/a"] > 0
    assert pull.recorder.only(TransferFinished) == []
    await until(lambda: not ssh_host.running)


async def test_cancelled_receiver_saves_its_state(ssh_host, tmp_path):
    """A receiver whose transfer is cancelled sees the end of the stream and has the time to save what it has."""
    ssh_host.script = silent(after_bytes=MIB)
    pull = pull_of(ssh_host, children.counts(tmp_path / "report"))
    running = asyncio.create_task(pull.step())
    await until(lambda: pull.recorder.only(TransferProgress))

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "report").read_text() == f"eof after {MIB}"


async def test_receiver_that_can_not_start(ssh_host):
    """Without a zfs(8) here, nothing is asked of the host."""
    pull = pull_of(ssh_host, ("/nowhere/zfs", "receive"))

    with pytest.raises(PermanentError) as caught:
        await pull.step()

    assert (caught.value.reason, caught.value.dataset) == ("no_zfs", "backup/a")
    assert pull.recorder.only(TransferFailed)[0].side == "target"
    assert ssh_host.commands == []


async def test_login_refused(ssh_host, tmp_path):
    """A host that can't be logged in to fails the step on the link, and the receiver that had started is reaped."""
    pull = pull_of(ssh_host, children.SWALLOW, connection=ssh_host.connection(known_hosts=tmp_path / "gone"))

    error, event = await failure_of(pull)

    assert isinstance(error, PermanentError)
    assert (error.reason, event.side) == ("login", "link")


@pytest.mark.parametrize("arrived", [Arrived(), Arrived(exists=True), Arrived(exists=True, guid=43)])
async def test_p6_both_ends_well_is_not_enough(ssh_host, arrived):
    """A step whose snapshot is not there with its guid has failed, though both ends ended well."""
    ssh_host.script = streams(1000)
    pull = pull_of(ssh_host, children.SWALLOW)
    pull.target.arrived = arrived

    error, event = await failure_of(pull)

    assert isinstance(error, TransientError)
    assert (error.reason, event.side) == ("not_arrived", "target")


async def test_arrived_but_not_mounted(ssh_host):
    """A receiver that only failed to mount has received: the guid decides, and someone is told."""
    ssh_host.script = streams(1000)
    pull = pull_of(
        ssh_host, children.dies(after_bytes=1000, text="cannot mount 'backup/a': encryption key not loaded\n", status=1)
    )

    await pull.step()

    assert [event.reason for event in pull.recorder.only(Noticed)] == ["mount"]
    assert len(pull.recorder.only(TransferFinished)) == 1


async def test_progress_knows_the_size(ssh_host):
    """The size that the sender tells is in the progress, which is told about once a second."""

    async def script(words, process):
        process.stderr.write(SIZES.format(size=777).encode())
        await silent(after_bytes=100)(words, process)

    ssh_host.script = script
    pull = pull_of(ssh_host, children.SWALLOW)
    running = asyncio.create_task(pull.step())
    await until(lambda: pull.recorder.only(TransferProgress))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    progress = pull.recorder.only(TransferProgress)[0]
    assert (progress.moved_bytes, progress.expected_bytes) == (100, 777)
