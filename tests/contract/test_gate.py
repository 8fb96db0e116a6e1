"""The source's gate on real ZFS, behind a real sshd: a whole pull goes through it, and what else a stolen key could try does not."""

import asyncio
import shlex
from dataclasses import replace

import pytest

from tests.contract.actions import Create, DestroySnapshots, Snapshot, Write, quoted
from tests.contract.real_world import CountingConnection
from tests.contract.world import assert_equal, guids
from tests.functional.gate.gated import GATE
from zfspull.events import CursorMoved, Noticed, Outcome, TransferFinished
from zfspull.hosts.source import SshSource
from zfspull.zfs import commands
from zfspull.zfs.model import Snapshot as SourceSnapshot
from zfspull.zfs.token import ResumeToken, decode, encode


pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

THIS, USER = "machine one", "gated"
SIZE, CUT = 2_000_000, 900_000
DELEGATED = "send,snapshot,hold,release,bookmark,destroy,mount"
REFUSED = 126
_RAW = 1 << 24  # DMU_BACKUP_FEATURE_RAW, in the features that a stream's first record tells


class Door:
    """The way to the source as a user whose key may do nothing but start the gate."""

    def __init__(self, world):
        self._world = world
        self._machine = world._machines["source"]
        self.connection = CountingConnection(replace(world._login, user=USER))
        world._others.append(self.connection)

    async def open(self, *words):
        """Let the user in by the gate with `words` after it, and let it do more than it needs to in ZFS."""
        await asyncio.to_thread(self._open, words)
        self._world.source = SshSource(self.connection)

    def _open(self, words):
        machine, root = self._machine, self._world.source_root
        machine.put(GATE, "/usr/local/bin/zfspull-gate")
        key = machine.ssh_key.with_suffix(".pub").read_text()
        gate = shlex.join(["/usr/local/bin/zfspull-gate", *words])
        machine.run(f"rm -f /home/{USER}/.ssh/authorized_keys; chmod 755 /usr/local/bin/zfspull-gate")
        machine.add_user(USER, public_key=f'command="{gate}",restrict {key}')
        machine.run(f"zfs allow -u {USER} {DELEGATED} {quoted(root.partition('/')[0])}")

    async def ask(self, *words):
        """What comes of a command line, word by word."""
        return await self.connection.run(words, timeout_seconds=60)


@pytest.fixture
def world(real_world):
    """A real world whose root has spaces in its name."""
    real_world.source_root += " behind a gate"
    return real_world


@pytest.fixture
async def door(world):
    return Door(world)


async def root_says(world, command):
    """What root prints on the source."""
    return (await asyncio.to_thread(world._machines["source"].run, command)).stdout


async def test_everything_a_pull_does_goes_through(world, door):
    """First pulls, cut and resumed, increments, cursors, holds, snapshots and their destruction: all through the gate."""
    world.machine = THIS
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    await door.open("--allow", "snapshot,hold,bookmark,prune", world.source_root)
    await world.cut_receive(CUT)
    broken = await world.run()
    plain = await world.run()
    held = world.events.of(Noticed)
    await world.on_source(Create("secret", key="one"), Write("secret", size=SIZE), Snapshot("secret", "one"))
    await world.cut_receive(CUT)
    await world.run()
    secret = await world.run()
    resumed = {event.kind for event in world.events.of(TransferFinished)}
    await world.on_source(
        Create("secret/x  y"), Create("vol", volume=True), Write("secret/x  y"), Write("secret"), Write("")
    )
    taken = await world.run(snapshots={"take": True})
    moved, notices = world.events.of(CursorMoved), world.events.of(Noticed)
    newest = (await world.names())[-1]
    destroyed = await world.source.destroy_snapshots(world.source_root, ["one", newest])
    await world.on_source(Write(""), Snapshot("", "three"))

    by_bookmark = await world.run()

    assert broken.outcome is Outcome.FAILED
    assert (plain.outcome, plain.resumed, held) == (Outcome.SUCCESS, 1, []), plain.error
    assert (secret.outcome, secret.resumed) == (Outcome.SUCCESS, 1), secret.error
    assert "resume" in resumed
    assert (taken.outcome, len(moved), notices) == (Outcome.SUCCESS, 4, []), taken.error
    assert newest.startswith("zfspull_")
    assert (destroyed.gone, destroyed.error) == (("one", newest), None)
    assert by_bookmark.outcome is Outcome.SUCCESS, by_bookmark.error
    assert [event.kind for event in world.events.of(TransferFinished)] == ["incremental"]
    assert await world.names() == ["one", newest, "three"]
    assert (await world.names("secret"), await world.names("secret/x  y")) == (["one", newest], [newest])
    keys = {"secret": "one", "secret/x  y": "one"}
    await assert_equal(world, ("", "three"), ("secret/x  y", newest), keys=keys)


async def test_without_verbs_it_only_reads(world, door):
    """A gate without --allow lets pull, takes no mark, and says once what it would need."""
    await world.on_source(Create(""), Write(""), Snapshot("", "one"))
    await door.open(world.source_root)
    world.machine = THIS

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert guids(await world.tree("source")) == guids(await world.tree("target"))
    assert not (await world.tree("source")).datasets[""].bookmarks
    assert {event.reason for event in world.events.of(Noticed)} == {"cursor_bookmark", "cursor_hold"}
    assert all("--allow" in event.message for event in world.events.of(Noticed))


async def test_a_stolen_key_opens_nothing_else(world, door):
    """Whoever has the key can't destroy, send in plain, see another dataset, or get a shell, though ZFS would let it."""
    await world.on_source(Create("", key="one"), Create("other"), Write(""), Snapshot("", "one", recursive=True))
    root = world.source_root
    ours, pool = f"{root}/other", root.partition("/")[0]
    await door.open("--allow", "hold,bookmark", ours)
    before = await root_says(world, f"zfs list -Hp -t all -r -o name,guid,userrefs {quoted(root)}")
    foreign = SourceSnapshot(name="one", guid=1, createtxg=1, creation=0)
    attempts = [
        ["zfs", "destroy", f"{ours}@one"], ["zfs", "destroy", "-r", ours], ["zfs", "rollback", f"{ours}@one"],
        ["zfs", "send", f"{ours}@one"], ["zfs", "send", "-p", "-w", f"{ours}@one"], ["zfs", *commands.send(root, foreign, None, intermediate=False)],
        ["zfs", "list", "-r", pool], ["zfs", "snapshot", f"{ours}@mine"], ["zfs", "hold", "mine", f"{ours}@one"],
        ["zfs", "bookmark", f"{ours}@one", f"{ours}#mine"], ["zfs", "allow", "-e", "destroy", ours],
        ["zfs", "get", "keylocation", ours], ["sh", "-c", "id"], ["cat", "/etc/passwd"], ["zfs;id"], ["internal-sftp"],
    ]  # fmt: skip

    outcomes = [await door.ask(*words) for words in attempts]

    assert [(outcome.status, outcome.stdout) for outcome in outcomes] == [(REFUSED, "")] * len(attempts)
    assert all(outcome.stderr.startswith("zfspull-gate: refused: ") for outcome in outcomes)
    assert before == await root_says(world, f"zfs list -Hp -t all -r -o name,guid,userrefs {quoted(root)}")
    log = await root_says(world, "journalctl --no-pager -o cat -t zfspull-gate --since=-5min")
    assert "zfspull has no use for zfs rollback" in log


async def test_forged_resume_tokens(world, door):
    """Tokens get nothing but what they are for: not another dataset by its name or by its guid, and nothing in plain."""
    await world.on_source(
        Create(""), Create("ours", key="one"), Create("theirs", key="two"), Snapshot("ours", "empty"),
        Write("theirs", size=SIZE), Snapshot("theirs", "one"),
    )  # fmt: skip
    ours, theirs = f"{world.source_root}/ours", f"{world.source_root}/theirs"
    await root_says(
        world, f"yes in plain sight | head -c 300000 >/{quoted(ours)}/text; zfs snapshot {quoted(ours + '@one')}"
    )
    await world.cut_receive(CUT)
    await world.run(exclude=["ours"])
    genuine = (await world.tree("target")).datasets["theirs"].resume_token
    guid = {
        name: int(await root_says(world, f"zfs get -Hpo value guid {quoted(name)}"))
        for name in (ours, f"{ours}@one", theirs, f"{theirs}@one")
    }
    start = ResumeToken(
        to_guid=guid[f"{ours}@one"],
        from_guid=None,
        to_name=f"{ours}@one",
        object=0,
        offset=0,
        bytes=0,
        raw=True,
        large_block=True,
        compressed=True,
    )
    forged = {
        "theirs, as it is": genuine,
        "theirs, renamed to ours": encode(replace(decode(genuine), to_name=f"{ours}@one")),
        "ours, with a guid of theirs": encode(replace(start, to_guid=guid[f"{theirs}@one"])),
        "with a line of its own": encode(
            replace(start, to_guid=guid[f"{theirs}@one"], to_name=f"{ours}@one\nfull\t{ours}@one\t1\n")
        ),
        "saved": encode(replace(start, saved=True)),
        "not raw": encode(replace(start, raw=False)),
    }
    # The flag is only text here, which the gate can't tell from a flag.
    pretended = encode(
        replace(start, raw=False, large_block=False, compressed=False, to_name=f"{ours}@one\n\trawok = 1")
    )
    # Without the gate they work: the second finds another dataset by the guid, the last sends plain text.
    found = await root_says(world, f"zfs send -n -P -w -t {forged['ours, with a guid of theirs']}")
    plain = await root_says(world, f"zfs send -t {pretended} | grep -ac 'in plain sight'")
    await door.open(ours)

    outcomes = {name: await door.ask("zfs", *commands.send_resume(token)) for name, token in forged.items()}
    honest = await door.ask("zfs", *commands.dry_run(commands.send_resume(encode(start))))
    of_filesystem = await door.ask("zfs", *commands.send_resume(encode(replace(start, to_guid=guid[ours]))))
    stream = await stream_of(door, commands.send_resume(pretended))

    assert f"{theirs}@one" in found
    assert int(plain) > 1000
    assert {name: (outcome.status, outcome.stdout) for name, outcome in outcomes.items()} == dict.fromkeys(
        forged, (REFUSED, "")
    )
    assert not any("theirs" in outcome.stderr for outcome in outcomes.values())
    assert (of_filesystem.status != 0, of_filesystem.stdout) == (True, "")  # zfs finds it and can't send it
    assert honest.status == 0, honest.stderr
    assert f"full\t{ours}@one" in honest.stdout
    assert b"in plain sight" not in stream
    assert int.from_bytes(stream[16:24], "little") >> 2 & _RAW


async def stream_of(door, words):
    """The bytes that a send puts out, whatever its status."""
    data = bytearray()

    class Sink:
        def write(self, chunk):
            data.extend(chunk)

        async def drain(self):
            pass

    await door.connection.stream(["zfs", *words], Sink(), limiter=None, on_stderr=lambda _: None)
    return bytes(data)


async def test_a_token_whose_snapshot_is_gone(world, door):
    """Where the source can't resume, the pull hears why in zfs's words, and the next one starts anew."""
    await world.on_source(Create(""), Write("", size=SIZE), Snapshot("", "one"))
    await door.open("--allow", "hold,bookmark", world.source_root)
    await world.cut_receive(CUT)
    await world.run()
    token = (await world.tree("target")).datasets[""].resume_token
    await world.on_source(Snapshot("", "two"), DestroySnapshots("", ("one",)))

    outcome = await door.ask("zfs", *commands.send_resume(token))
    finished = await world.run()

    assert outcome.status == 255
    assert "used in the initial send no longer exists" in outcome.stderr
    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert await world.names() == ["two"]
