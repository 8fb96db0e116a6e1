"""The world of two machines with real OpenZFS: pools of the session, and a dataset of its own for each test."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

from tests.contract.actions import key_file, quoted
from tests.contract.world import Commands, World
from tests.lab.machine import Machine
from tests.lab.pools import DIRECTORY
from zfspull.clock import SystemClock
from zfspull.hosts.login import Login
from zfspull.hosts.source import SshSource
from zfspull.hosts.ssh import Connection
from zfspull.hosts.target import LocalTarget
from zfspull.zfs.names import join


_numbers = itertools.count(1)
KEYS = ("one", "two")
USER = "puller"
_SSH = "ssh -o StrictHostKeyChecking=no root@source"

_CUTTING_SEND = """\
#!/bin/sh
# mv, so that only one of several senders is cut.
if [ "$1" = send ] && [ "$2" != -n ] && mv /root/contract-cut /root/contract-cut.$$ 2>/dev/null; then
  bytes=$(cat /root/contract-cut.$$); rm /root/contract-cut.$$
  zfs "$@" | head -c "$bytes"; kill -KILL $$
fi
exec zfs "$@"
"""

_CUTTING_RECEIVE = """\
#!/bin/sh
echo "$1" >>{log}
if [ "$1" = receive ] && [ "$2" = -s ] && mv {cut} {cut}.$$ 2>/dev/null; then
  bytes=$(cat {cut}.$$); rm {cut}.$$
  head -c "$bytes" | {zfs} "$@"; kill -KILL $$
fi
exec {zfs} "$@"
"""


def prepare(source: Machine, backup: Machine) -> None:
    """What the session's machines need once: keys, and the sender that can be cut."""
    keys = "; ".join(f"echo {key} | sha256sum | head -c 32 >{key_file(key)}" for key in KEYS)
    source.write("/root/contract-zfs", _CUTTING_SEND, mode="755")
    for machine in (source, backup):
        machine.run(f"{keys}; mkdir -p /mnt/contract")


class CountingConnection(Connection):
    """Counts the commands that run over it."""

    def __init__(self, login):
        super().__init__(login)
        self.counted = 0

    async def run_in_turn(self, commands, **options):
        self.counted += 1
        return await super().run_in_turn(commands, **options)

    async def stream(self, words, sink, **options):
        self.counted += 1
        return await super().stream(words, sink, **options)

    def lose(self):
        """Lose the connection under everything that uses it."""
        self._link.connected.abort()


class LosingSink:
    """Passes so many bytes, then loses the connection they came over."""

    def __init__(self, sink, left, connection):
        self._sink = sink
        self._left = left
        self._connection = connection

    def __getattr__(self, name):
        return getattr(self._sink, name)

    def write(self, data):
        if self._left > 0:
            self._sink.write(data)
            self._left -= len(data)
            if self._left <= 0:
                self._connection.lose()


class LosableSource(SshSource):
    lose_after_bytes = None

    async def send(self, step, sink, expect):
        if self.lose_after_bytes is not None:
            sink = LosingSink(sink, self.lose_after_bytes, self._connection)
            self.lose_after_bytes = None
        return await super().send(step, sink, expect)


class RealWorld(World):
    def __init__(self, source: Machine, backup: Machine, pools: tuple[str, str], directory: Path):
        super().__init__()
        self._machines = {"source": source, "target": backup}
        self.clock = SystemClock()
        number = next(_numbers)
        self.source_root, self.target_root = f"{pools[0]}/test{number}", f"{pools[1]}/copy{number}"
        known_hosts = directory / "known_hosts"
        known_hosts.write_text(source.known_hosts + "\n")
        self._login = Login(
            host="memory",  # the name that the jobs of these tests use
            address="127.0.0.1",
            port=source.ssh_port,
            user="root",
            key=source.ssh_key,
            known_hosts=known_hosts,
            connect_timeout_seconds=60,
            keepalive_interval_seconds=30,
        )
        self.connection = CountingConnection(self._login)
        self._others: list[CountingConnection] = []
        self.source = LosableSource(self.connection, zfs=["/root/contract-zfs"])
        self._log, self._cut, script = directory / "log", directory / "cut", directory / "zfs"
        zfs = backup.wrapper("zfs")
        script.write_text(_CUTTING_RECEIVE.format(log=self._log, cut=self._cut, zfs=zfs))
        script.chmod(0o755)
        self.target = LocalTarget(zfs=[str(script)])

    async def _shell(self, side, script):
        return await asyncio.to_thread(self._machines[side].run, script)

    async def on_source(self, *actions):
        await self._shell("source", _script(actions, self.source_root))

    async def on_target(self, *actions):
        await self._shell("target", _script(actions, self.target_root))

    async def unload_source_key(self):
        name = quoted(self.source_root)
        await self._shell("source", f"zfs unmount {name}; zfs unload-key {name}")

    async def fill_target(self, *, left_bytes):
        pool = self.target_root.partition("/")[0]
        if left_bytes is None:
            await self._shell("target", f"zfs destroy {pool}/filling")
        else:
            room = f"$(($(zfs get -Hpo value available {pool}) - {left_bytes}))"
            await self._shell("target", f"zfs create -o reservation={room} {pool}/filling")

    async def unplug_target(self):
        pool = self.target_root.partition("/")[0]
        # Busy for a moment, if something has just ended.
        await self._shell("target", f"for try in $(seq 40); do zpool export {pool} && exit; sleep 0.25; done; exit 1")

    async def plug_target(self):
        await self._shell("target", f"zpool import -d {DIRECTORY} {self.target_root.partition('/')[0]}")

    async def digests(self, side, *points, keys=None):
        root = self.source_root if side == "source" else self.target_root
        lines = ["set -e"]
        lines += [
            f"zfs load-key -L file://{key_file(key)} {quoted(join(root, path))}" for path, key in (keys or {}).items()
        ]
        lines += [_digest(join(root, path), name) for path, name in points]
        lines += [f"zfs unload-key {quoted(join(root, path))}" for path in reversed(list(keys or {}))]
        result = await self._shell(side, "\n".join(lines))
        return result.stdout.splitlines()

    async def stream(self, path, to, base=None, *, raw):
        name = join(self.source_root, path)
        start = f"-i {quoted(base)}" if base else ""
        process = await asyncio.create_subprocess_exec(
            *self._machines["source"].ssh_command,
            f"zfs send {'-w' if raw else ''} {start} {quoted(f'{name}@{to}')}",
            stdout=asyncio.subprocess.PIPE,
        )
        data, _ = await process.communicate()
        return data

    async def cut_send(self, after_bytes, *, link=False):
        if link:
            self.source.lose_after_bytes = after_bytes
        else:
            await self._shell("source", f"echo {after_bytes} >/root/contract-cut")

    async def cut_receive(self, after_bytes):
        self._cut.write_text(str(after_bytes))

    async def let_target_in(self):
        """Let root on the target log in as root on the source, as an administrator may."""
        key = "[ -e .ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519; cat .ssh/id_ed25519.pub"
        public_key = (await self._shell("target", f"mkdir -p .ssh; {key}")).stdout
        await asyncio.to_thread(self._machines["source"].add_user, "root", public_key=public_key)

    async def replicate(self, tool):
        source, target = quoted(self.source_root), quoted(self.target_root)
        await self.let_target_in()
        if tool == "send":
            newest = f"$({_SSH} zfs list -Ho name -t snapshot -s createtxg -d1 {source} | tail -n1)"
            await self._shell("target", f"{_SSH} zfs send -Rw {newest} | zfs receive {target}")
        else:
            options = "--recursive --sendoptions=w --sshoption=StrictHostKeyChecking=no --compress=none"
            await self._shell("target", f"syncoid {options} --quiet root@source:{source} {target}")

    async def permit(self, *verbs):
        machine, root = self._machines["source"], quoted(self.source_root)
        key = machine.ssh_key.with_suffix(".pub").read_text()
        await asyncio.to_thread(machine.add_user, USER, public_key=key)
        await self._shell("source", f"zfs allow -u {USER} {','.join(['send', *verbs])} {root}")
        connection = CountingConnection(replace(self._login, user=USER))
        self._others.append(connection)
        self.source = SshSource(connection, zfs=["/usr/sbin/zfs"])

    async def aclose(self):
        for connection in (self.connection, *self._others):
            await connection.aclose()

    async def set_source_clock(self, ahead_seconds):
        machine = self._machines["source"]
        await asyncio.to_thread(machine.set_clock)
        if ahead_seconds:
            await self._shell("source", f"date -s @$(( $(date +%s) + {ahead_seconds} ))")

    async def wait(self, seconds):
        await asyncio.sleep(seconds)

    def count(self):
        logged = len(self._log.read_text().splitlines()) if self._log.exists() else 0
        counted = Commands(self.connection.counted, logged)
        self.connection.counted = 0
        self._log.write_text("")
        return counted


def _script(actions, root):
    return "\n".join(["set -e", *(action.shell(root) for action in actions)])


def _digest(name, snapshot):
    """A line that prints the hash of what is in a snapshot, of a filesystem or of a volume."""
    full, clone = quoted(f"{name}@{snapshot}"), quoted(f"{name.partition('/')[0]}/looking")
    return f"""\
if [ "$(zfs get -Ho value type {quoted(name)})" = volume ]; then
  zfs clone {full} {clone}; udevadm settle; sha256sum </dev/zvol/{clone} | cut -d' ' -f1; zfs destroy {clone}
else
  mount -t zfs {full} /mnt/contract
  (cd /mnt/contract; find . -type f | sort | xargs -r sha256sum | sha256sum | cut -d' ' -f1)
  umount /mnt/contract
fi"""
