"""The marks of cursors on the source: how many commands they take, and who hears what."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.functional.hosts.waiting import until
from zfspull.errors import PermanentError, TransientError
from zfspull.hosts.bookkeeping import JOINED
from zfspull.hosts.source import SshSource


class Marks:
    """A host that keeps marks and runs commands one after the other until one fails, as a shell does.

    Attributes:
        refused: datasets in which nothing may be changed.
        joins: whether it takes several commands at once; if not, it says what gates of older versions said.
        open: closed, no command ends.
        made: the marks.
    """

    def __init__(self, host, *, joins=True):
        self.host = host
        self.refused: set[str] = set()
        self.joins = joins
        self.open = asyncio.Event()
        self.open.set()
        self.made: set[str] = set()
        host.script = self.script

    async def script(self, words, process):
        await self.open.wait()
        status, text = 0, ""
        if "&&" in words and not self.joins:
            status, text = 126, "zfspull-gate: refused: a character that no name of ZFS has\n"
        else:
            for is_join, command in itertools.groupby(words, lambda word: word == "&&"):
                if not is_join and status == 0:
                    status, text = self._one([word for word in command if word not in {"env", "LC_ALL=C"}])
        process.stderr.write(text.encode())
        process.exit(status)

    def _one(self, words):
        assert words[0] == "zfs"
        verb, *rest = words[1:]
        marks = [rest[-1]] if verb in {"bookmark", "destroy"} else [f"{name} {rest[0]}" for name in rest[1:]]
        for mark in marks:
            if mark.partition("#")[0].partition("@")[0] in self.refused:
                return 1, f"cannot {verb} '{mark}': permission denied\n"
            if verb in {"bookmark", "hold"}:
                if mark in self.made:
                    return 1, "bookmark exists\n" if verb == "bookmark" else "tag already exists on this dataset\n"
                self.made.add(mark)
            elif mark not in self.made:
                return 1, "does not exist\n" if verb == "destroy" else "no such tag on this dataset\n"
            else:
                self.made.discard(mark)
        return 0, ""


@pytest.fixture
def marks(ssh_host):
    return Marks(ssh_host)


def names(count, start=0):
    return [f"tank/data {number:03}" for number in range(start, start + count)]


def bookmarked(source, datasets):
    return [asyncio.create_task(source.bookmark(name, "one", "mark")) for name in datasets]


async def test_what_is_asked_for_meanwhile_goes_in_one_command(ssh_host, marks):
    """While marks are made, all others that are asked for wait, and go together: few commands for many datasets."""
    source = SshSource(ssh_host.connection())
    marks.open.clear()
    first = bookmarked(source, names(1)) + bookmarked(source, names(1, start=1))
    await until(lambda: ssh_host.running == 1)
    second = bookmarked(source, names(1, start=2))
    await until(lambda: ssh_host.running == 2)
    third = bookmarked(source, names(6, start=3))
    third += [asyncio.create_task(source.hold(name, "one", "tag")) for name in names(3)]
    await asyncio.sleep(0.05)
    assert len(ssh_host.lines) == 2

    marks.open.set()
    await asyncio.gather(*first, *second, *third)

    assert len(ssh_host.lines) == 3
    assert ssh_host.lines[2].count(" && ") == 6  # and the holds of one tag are one command
    assert marks.made == {f"{name}#mark" for name in names(9)} | {f"{name}@one tag" for name in names(3)}


async def test_commands_are_few_and_bounded(ssh_host, marks):
    """A thousand marks of one moment take as many commands as the bound says, and never more than two at a time."""
    await asyncio.gather(*bookmarked(SshSource(ssh_host.connection()), names(1000)))

    assert len(marks.made) == 1000
    assert len(ssh_host.lines) == -(-1000 // JOINED.requests)
    assert ssh_host.most_running <= JOINED.batches
    assert max(map(len, ssh_host.lines)) <= 131_072


async def test_marks_that_are_there_or_gone_fail_nothing(ssh_host, marks):
    """In whatever company: a bookmark that exists, a hold that is there, and marks that are gone are all well."""
    source = SshSource(ssh_host.connection())
    marks.made |= {"tank/data 001#mark", "tank/data 002@one tag", "tank/data 003#old"}

    await asyncio.gather(
        *bookmarked(source, names(3)),
        *(source.hold(name, "one", "tag") for name in names(3)),
        *(source.destroy_bookmark(name, "old") for name in names(4)),
        *(source.release(name, "one", "other") for name in names(3)),
    )

    assert marks.made == {f"{name}#mark" for name in names(3)} | {f"{name}@one tag" for name in names(3)}


async def test_who_may_not_is_the_only_one_that_hears_it(ssh_host, marks):
    """One mark that can't be made is an error of its own dataset; all the others are made."""
    source = SshSource(ssh_host.connection())
    marks.refused = {"tank/data 002", "tank/data 005"}

    told = await asyncio.gather(*bookmarked(source, names(8)), return_exceptions=True)

    wrong = [(error.dataset, error.host, error.reason) for error in told if isinstance(error, PermanentError)]
    assert wrong == [(name, "gw", "permission") for name in sorted(marks.refused)]
    assert [error for error in told if error is None] == [None] * 6
    assert marks.made == {f"{name}#mark" for name in names(8) if name not in marks.refused}


async def test_a_host_that_refuses_joined_commands_is_asked_once(ssh_host):
    """Behind a gate of an older version everything works, one by one, and joining is not tried again."""
    marks = Marks(ssh_host, joins=False)
    source = SshSource(ssh_host.connection())

    await asyncio.gather(*bookmarked(source, names(5)))
    await asyncio.gather(*bookmarked(source, names(5, start=5)))
    await asyncio.gather(*(source.hold(name, "one", "tag") for name in names(3)))

    assert len(marks.made) == 13
    assert ["&&" in line for line in ssh_host.lines] == [True, *[False] * 11]


async def test_a_failure_does_not_keep_from_joining(ssh_host, marks):
    """That a mark could not be made says nothing of the joining: the next marks go together again."""
    source = SshSource(ssh_host.connection())
    marks.refused = {"tank/data 000"}
    await asyncio.gather(*bookmarked(source, names(3)), return_exceptions=True)
    ssh_host.lines.clear()

    await asyncio.gather(*bookmarked(source, names(5, start=5)))

    assert len(ssh_host.lines) == 1


async def test_cancelled_in_the_middle(ssh_host, marks):
    """Who is cancelled takes nobody along; when all are, the command ends too."""
    source = SshSource(ssh_host.connection())
    marks.open.clear()
    tasks = bookmarked(source, names(3))
    await until(lambda: ssh_host.running == 1)
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    marks.open.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert len(marks.made) == 3

    ssh_host.script = never
    last = bookmarked(source, names(2, start=5))
    await until(lambda: ssh_host.running == 1)
    for task in last:
        task.cancel()
    await asyncio.wait(last)
    await until(lambda: ssh_host.running == 0)


async def never(words, process):
    await process.wait_closed()


async def test_lost_connection_is_told_to_all(ssh_host, marks):
    """Each dataset whose mark was on its way when the connection broke hears so, and the next try goes well."""
    source = SshSource(ssh_host.connection())
    marks.open.clear()
    tasks = bookmarked(source, names(3))
    await until(lambda: ssh_host.running == 1)
    ssh_host.crash()

    told = await asyncio.gather(*tasks, return_exceptions=True)

    assert [(type(error), error.reason, error.host) for error in told] == [
        (TransientError, "connection_lost", "gw")
    ] * 3
    marks.open.set()
    await asyncio.gather(*bookmarked(source, names(3)))
    assert len(marks.made) == 3


async def test_pools_do_not_wait_for_each_other(ssh_host, marks):
    """A command that hangs in one pool of a host does not hold up the marks of another pool."""
    source = SshSource(ssh_host.connection())
    ssh_host.script = never
    hanging = bookmarked(source, names(5))
    await until(lambda: ssh_host.running == 1)
    hanging += bookmarked(source, names(5, start=5))
    await until(lambda: ssh_host.running == 2)
    ssh_host.script = marks.script

    await source.bookmark("other/data", "one", "mark")

    assert marks.made == {"other/data#mark"}
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)
