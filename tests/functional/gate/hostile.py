"""Command lines of a client that has turned: zfspull's own with something done to them, and pieces put together anyhow."""

from __future__ import annotations

import random
import shlex

from zfspull.plan.cursors import Owner
from zfspull.zfs import commands
from zfspull.zfs.model import Bookmark, Snapshot


NAME = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_.:- "
PIECES = (
    "&&", " && ", "&&&", "'&&'", "&& zfs", "&& zfs list -r tank/data", "&& zfs destroy tank/data@x", "zfs hold x &&",
    "&& zfs destroy tank/secret#zfspull_a_0123abcd_0123456789abcdef", "; touch canary", "&& touch canary", "|| touch canary", "| touch canary", "& touch canary", "$(touch canary)",
    "`touch canary`", "> canary", ">canary", "<canary", "\ntouch canary", "\rtouch canary", "\ttouch\tcanary", "#",
    "${IFS}", "$IFS", "$0", "$@", "$*", "~", "~root", "*", "?", "[a-z]", "{tank,secret}", "!!", "\\", "\\\n", "'", '"',
    "''", '""', "'\"'\"'", "'; touch canary; '", "\\'; touch canary; \\'", "--", "-", "-R", "-r", "-rR", "-nvp", "-wR",
    "-Pw", "-p", "-b", "-h", "-S", "-D", "-e", "-L", "-o", "-o ProxyCommand=touch", "-x mountpoint", "-t", "-i", "-I",
    "-X tank/secret", "--raw", "--exclude=x", "--redact book", "-t all", "-d 9", "all", "@", "#x", "%", ",", "/", "//",
    "/..", "/../secret", "/.", "..", ".", "tank", "tank/secret", "tank/secret@x", "tank/database@x", "tank/data",
    "tank/data@x", "tank/data@x%y", "tank/data@x,y", "tank/with", "tank/with space", "'tank/with space'", "tank/data#x",
    "PATH=.", "IFS=x", "LD_PRELOAD=./x", "LC_ALL=C", "env", "env -i", "env -S", "sudo", "sudo -n", "sudo -s", "exec",
    "eval", "sh", "sh -c", "bash", "command", ".", "source", "zfs", "/sbin/zfs", "./zfs", "../bin/zfs", "zpool",
    "destroy", "rollback", "receive", "recv", "send", "list", "get", "set", "allow", "unallow", "hold", "release",
    "snapshot", "bookmark", "rename", "program", "load-key", "change-key", "inherit", "upgrade", "userspace", "holds",
    "1-ab-cd-ef", "\x00", "\x01", "\x1b[2J", "\x7f", "\xa0", "\u2028", "\u3000", "\udcff", "\udcc3", "\udce4", "A" * 300,
    "x" * 5000, " " * 50, "-" * 50, "@" * 20, "\n", "\n\n", " ", "  ",
)  # fmt: skip


class Hostile:
    """A source of command lines, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def line(self) -> str:
        """One more; bytes that are not UTF-8 stand as surrogates."""
        rng = self._rng
        words = self._words()
        if rng.random() < 0.1:
            words = [rng.choice(PIECES) for _ in range(rng.randrange(8))]
        for _ in range(rng.choice((0, 1, 1, 2))):
            self._change_words(words)
        text = self._joined(words)
        if rng.random() < 0.2:
            text = self._joined(self._more())
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 4))):
            text += rng.choice((" && ",) * 20 + ("&&", " &&", " & ", " || ", " '&&' ")) + shlex.join(self._more())
        for _ in range(rng.choice((0, 0, 0, 0, 1, 2, 5))):
            text = self._changed(text)
        return text.replace("\0", "")[:60_000]

    def _words(self) -> list[str]:
        """What zfspull might send, of a dataset that may be ours."""
        rng = self._rng
        dataset = rng.choice(("tank/data", "tank/with space", "tank/data/" + self._name(), "tank/data2"))
        shot, other = self._name(), self._name()
        owner = Owner("home.job", "0123abcd")
        to, base = (Snapshot(name=name, guid=1, createtxg=1, creation=0) for name in (shot, other))
        mark = Bookmark(name=owner.bookmark(1), guid=1, createtxg=1, creation=0)
        send = rng.choice((
            commands.send(dataset, to, None, intermediate=False), commands.send(dataset, to, base, intermediate=True),
            commands.send(dataset, to, mark, intermediate=False), commands.send_resume("1-0123ab-d0-" + "78da" * 90),
            commands.send(dataset, to, base, intermediate=True, embedded=False),
        ))  # fmt: skip
        found = rng.choice((
            send, commands.dry_run(send), commands.list_datasets(dataset, recursive=rng.random() < 0.5),
            commands.list_points(dataset, recursive=True, bookmarks=True, columns=commands.POINT_COLUMNS),
            commands.list_points_of([dataset, f"{dataset}/{other}"], bookmarks=True, columns=commands.BRIEF_COLUMNS),
            commands.list_named_points([f"{dataset}@{shot}", f"{dataset}#{other}"]),
            commands.holds([f"{dataset}@{shot}"]), commands.allow(dataset), commands.hold(dataset, shot, owner.hold),
            commands.release(dataset, shot, owner.hold), commands.bookmark(dataset, shot, owner.bookmark(1)),
            commands.destroy_bookmark(dataset, owner.bookmark(1)), commands.rollback(dataset, shot),
            commands.destroy_snapshots(dataset, [shot, other], dry_run=rng.random() < 0.1),
            commands.abort_receive(dataset), commands.rename(dataset, "tank/x"), ["snapshot", "-r", f"{dataset}@{shot}"],
        ))  # fmt: skip
        prefix = rng.choice((["zfs"], ["zfs"], ["sudo", "-n", "zfs"], ["/usr/sbin/zfs"]))
        return ["env", "LC_ALL=C", *prefix, *found]

    def _more(self) -> list[str]:
        """What zfspull might send behind a `&&`, or something else that it might send."""
        rng = self._rng
        dataset = rng.choice(("tank/data", "tank/data", "tank/with space", "tank/data2"))
        owner = Owner("home.job", "0123abcd")
        found = rng.choice((
            commands.destroy_bookmark(dataset, owner.bookmark(1)), commands.bookmark(dataset, "x", owner.bookmark(1)),
            commands.hold(dataset, "x", owner.hold), [*commands.release(dataset, "x", owner.hold), f"{dataset}@y z"],
        ))  # fmt: skip
        words = ["env", "LC_ALL=C", "zfs", *found] if rng.random() < 0.9 else self._words()
        if rng.random() < 0.1:
            self._change_words(words)
        return words

    def _name(self) -> str:
        return "".join(self._rng.choice(NAME) for _ in range(self._rng.randrange(1, 12)))

    def _change_words(self, words: list[str]) -> None:
        rng = self._rng
        at = rng.randrange(len(words) + 1)
        what = rng.randrange(8)
        if what == 0:
            words.insert(at, rng.choice(PIECES))
        elif what == 1:
            words.insert(at, rng.choice(self._words()))
        elif what == 2 and at < len(words):
            words[at] = rng.choice(self._words())
        elif what == 3 and at < len(words):
            words[at] = rng.choice(PIECES)
        elif what == 4 and at < len(words):
            words[at] += rng.choice(PIECES)
        elif what == 5 and at < len(words):
            words.insert(at, words.pop(rng.randrange(len(words))))
        elif what == 6 and at < len(words):
            del words[at]
        elif at < len(words) and words[at]:
            cut = rng.randrange(len(words[at]))
            words[at] = words[at][:cut] + rng.choice(PIECES) + words[at][cut:]

    def _joined(self, words: list[str]) -> str:
        rng = self._rng
        quoted = rng.random()
        if quoted < 0.6:
            return shlex.join(words)
        return " ".join(word if quoted < 0.8 or rng.random() < 0.5 else shlex.quote(word) for word in words)

    def _changed(self, text: str) -> str:
        rng = self._rng
        at = rng.randrange(len(text) + 1)
        what = rng.randrange(5)
        if what == 0:
            return text[:at] + rng.choice(PIECES) + text[at:]
        if what == 1:
            return text[:at] + text[at + rng.randrange(1, 4) :]
        if what == 2:  # any byte but the one that ends a variable of the environment
            return text[:at] + bytes([rng.randrange(1, 256)]).decode(errors="surrogateescape") + text[at + 1 :]
        if what == 3:
            return text[:at] + text[rng.randrange(len(text) + 1) :]
        return text + rng.choice(PIECES)
