"""The gate on the source: all that zfspull sends goes through unchanged, and nothing else does."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
from operator import attrgetter

import pytest

from tests.functional.gate.checker import is_listed
from tests.functional.gate.gated import FOUND, GATE, Gate
from tests.functional.hosts.sshhost import prints
from zfspull import __version__
from zfspull.errors import PermanentError, ZfspullError
from zfspull.hosts.bookkeeping import JOINED as JOINING
from zfspull.hosts.bookkeeping import Change, joined
from zfspull.hosts.failures import failure
from zfspull.hosts.ports import Ended, Listings, Source
from zfspull.hosts.source import SshSource
from zfspull.hosts.ssh import command_line
from zfspull.plan.cursors import Owner
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs import commands
from zfspull.zfs.model import Bookmark, Kind, Snapshot
from zfspull.zfs.texts import Side
from zfspull.zfs.token import ResumeToken, encode


ROOTS = ("tank/data", "tank/with space")
ALL = ("--allow", "snapshot,hold", "--allow", "bookmark,prune", *ROOTS)
DATASETS = ("tank/data", "tank/data/below it/a-b.c:d_e", "tank/with space", "tank/with space/x")
PREFIXES = (("zfs",), ("sudo", "-n", "zfs"), ("/usr/sbin/zfs",), ("/usr/local/sbin/zfs",))
OWNER = Owner("home.job_2-b", "0123abcd")
TO = Snapshot(name="zfspull_2026-11-21_10:30:05Z", guid=21, createtxg=5, creation=0)
BASE = Snapshot(name="auto snap", guid=20, createtxg=4, creation=0)
MARK = Bookmark(name=OWNER.bookmark(20), guid=20, createtxg=4, creation=0)
OPTIONAL = {
    "snapshot": "snapshot", "hold": "hold", "release": "hold", "bookmark": "bookmark", "destroy_bookmark": "bookmark",
    "destroy_snapshots": "prune",
}  # fmt: skip
"""By method of a source: the verb that must be allowed. All others read."""


def token(dataset="tank/data", guid=21, **fields):
    position = {"object": 2, "offset": 131072, "bytes": 300000}
    fields = {"raw": True, "compressed": True, "large_block": True, "from_guid": None} | position | fields
    return ResumeToken(to_guid=guid, to_name=f"{dataset}@{TO.name}", **fields)


def contents(of, *, found=None, base=None):
    """What `zfs send -n -P -w -t` prints of a token: `found` is the snapshot that it found by guid."""
    lines = ["resume token contents:", "nvlist version: 0"]
    if of.from_guid:
        lines.append(f"\tfromguid = {of.from_guid:#x}")
    numbers = {"object": of.object, "offset": of.offset, "bytes": of.bytes, "toguid": of.to_guid}
    lines += [f"\t{name} = {number:#x}" for name, number in numbers.items()]
    lines.append(f"\ttoname = {of.to_name}")
    flags = {"largeblockok": of.large_block, "compressok": of.compressed, "rawok": of.raw, "savedok": of.saved}
    lines += [f"\t{name} = 1" for name, is_set in flags.items() if is_set]
    start = f"incremental\t{base}" if base else "full"
    return "\n".join([*lines, f"{start}\t{found or of.to_name}\t624", "size\t624", ""])


def step(dataset, kind, base=None, text=None, *, embedded=True):
    return Step(
        kind=kind, source=dataset, target="backup/a", dataset_kind=Kind.FILESYSTEM, to=TO, base=base, token=text,
        embedded=embedded,
    )  # fmt: skip


STEPS = (
    (StepKind.FULL, None, None),
    (StepKind.INCREMENTAL, BASE, None),
    (StepKind.INCREMENTAL, MARK, None),
    (StepKind.RANGE, BASE, None),
    (StepKind.RESUME, None, encode(token())),
)


def calls(dataset):
    """Each method of a source, with all the ways to call it."""
    steps = [step(dataset, *one, embedded=embedded) for one in STEPS for embedded in (True, False)]
    many = [f"snapshot number {number}" for number in range(250)]
    below = [f"{dataset}/{number}" for number in range(200)]
    several = ((below, None), (below, dataset), ([dataset], None))
    return {
        "list_tree": [((dataset,), {"recursive": True}), ((dataset,), {"recursive": False})],
        "listings.datasets": [((dataset,), {"recursive": True}), ((dataset,), {"recursive": False})],
        "listings.only": [((dataset, some), {}) for some in (below, [dataset])],
        "listings.briefly": [((some,), {"below": below}) for some, below in several],
        "listings.fully": [((some,), {"below": below}) for some, below in several],
        "listings.named": [(([f"{dataset}@{name}" for name in many] + [f"{dataset}#{OWNER.bookmark(1)}"],), {})],
        "snapshot": [(([dataset], "now" ), {"recursive": True}), ((below, TO.name), {"recursive": False})],
        "destroy_snapshots": [((dataset, ["one"]), {}), ((dataset, many), {})],
        "bookmark": [((dataset, BASE.name, OWNER.bookmark(20)), {})],
        "destroy_bookmark": [((dataset, OWNER.bookmark(2**64 - 1)), {})],
        "hold": [((dataset, BASE.name, OWNER.hold), {})],
        "release": [((dataset, BASE.name, OWNER.hold), {})],
        "check_release": [((dataset,), {})],
        "list_holds": [(([f"{dataset}@{name}" for name in many],), {})],
        "estimate": [((one,), {}) for one in steps],
        "send": [((one, NoSink(), lambda _: None), {}) for one in steps],
    }  # fmt: skip


class NoSink:
    """Takes a stream and forgets it."""

    def write(self, data):
        pass

    async def drain(self):
        pass


async def sent(ssh_host, method, dataset, prefix):
    """The lines that a method sends, with the words of zfs that each is for; whatever is answered."""
    ssh_host.script = prints("size\t1\n")
    ssh_host.lines.clear()
    ssh_host.commands.clear()
    source = SshSource(ssh_host.connection(), zfs=prefix)
    for args, options in calls(dataset)[method]:
        with contextlib.suppress(ZfspullError):
            await attrgetter(method)(source)(*args, **options)
    return [(line, words[len(prefix) :]) for line, words in zip(ssh_host.lines, ssh_host.commands, strict=True)]


def test_every_method_of_a_source_is_tried():
    """What a source can be asked for, and the gate's tests below do not know, would be found out by a user."""
    methods = {name for name, value in vars(Source).items() if callable(value) and not name.startswith("_")}
    methods |= {f"listings.{name}" for name, value in vars(Listings).items() if callable(value) and name[0] != "_"}
    assert methods == calls("tank/data").keys()


@pytest.mark.parametrize("dataset", DATASETS)
async def test_what_zfspull_sends_goes_through(gate, ssh_host, dataset):
    """Every command line that a pull can send runs zfs with exactly the words meant, once its verb is allowed."""
    gate.answer(contents(token(dataset)))
    tried = set()
    for method in calls(dataset):
        allowed = OPTIONAL.get(method, "")
        options = ("--allow", allowed) if allowed else ()
        for line, words in await sent(ssh_host, method, dataset, PREFIXES[DATASETS.index(dataset)]):
            outcome = gate.run(line, *options, *ROOTS)

            assert (outcome.status, outcome.ran) == (0, [*looks_for(words, dataset), ["zfs", *words]]), outcome.said
            assert is_listed(outcome.ran[-1], ROOTS, allowed)
            tried.add(method)
    assert calls(dataset).keys() - tried <= {"check_release"}  # it asks nothing where sudo is used


def looks_for(words, dataset):
    """What the gate asks of zfs before it sends."""
    if words[0] == "send" and "-t" in words:
        return [["zfs", "send", "-n", "-P", "-w", "-t", words[-1]]]
    if words[0] == "send" and "-w" not in words:
        return [["zfs", "get", "-H", "-o", "value", "encryption", dataset]]
    return []


async def test_other_datasets_are_refused(gate, ssh_host):
    """No method of a source gets anything of a dataset that is not named, nor of one whose name only begins alike."""
    for dataset in ("tank", "tank/database", "tank/with", "tank/secret/tank/data"):
        gate.answer(contents(token(dataset)))
        for method in calls(dataset):
            for line, _ in await sent(ssh_host, method, dataset, ("zfs",)):
                outcome = gate.run(line, *ALL)

                assert outcome.status == 126
                assert all(ran[:3] == ["zfs", "send", "-n"] for ran in outcome.ran)


async def test_verbs_that_change_something_must_be_allowed(gate, ssh_host):
    """Without its verb, a method that changes the source is refused, even if every other verb is allowed."""
    for method, verb in OPTIONAL.items():
        others = ",".join({"snapshot", "hold", "bookmark", "prune"} - {verb})
        line, _ = (await sent(ssh_host, method, "tank/data", ("zfs",)))[0]
        for options in ((), ("--allow", others)):
            outcome = gate.run(line, *options, *ROOTS)

            assert (outcome.status, outcome.ran) == (126, [])
            assert f"--allow {verb}" in outcome.said


def change(words):
    return Change(tuple(words), "tank/data", ())


def line_of(*changes, prefix=("zfs",)):
    """What is sent for changes that go together."""
    return command_line([[*prefix, *words] for words in joined(changes)])


MARKS = [
    change(commands.bookmark("tank/with space", "auto snap", OWNER.bookmark(20))),
    change(commands.hold("tank/data", "one", OWNER.hold)),
    change(commands.destroy_bookmark("tank/data/below it", OWNER.bookmark(2**64 - 1))),
    change(commands.hold("tank/data/x", "auto snap", OWNER.hold)),
    change(commands.release("tank/data", "one", "zfspull_other_0123abcd")),
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_marks_that_are_made_together_go_through(gate, prefix):
    """Changes that zfspull joins run one after the other, to the letter, and nothing besides."""
    outcome = gate.run(line_of(*MARKS, prefix=prefix), *ALL)

    assert outcome.ran == [["zfs", *words] for words in joined(MARKS)], outcome.said
    assert (outcome.status, len(outcome.ran)) == (0, 4)
    assert all(is_listed(words, ROOTS, "hold,bookmark") for words in outcome.ran)


def test_all_that_is_joined_is_vetted_before_any_of_it_runs(gate):
    """One command that is not allowed, wherever it stands, and none of them runs."""
    for number in range(len(MARKS)):
        for wrong in (
            change(commands.destroy_bookmark("tank/secret", OWNER.bookmark(1))),
            change(["list", "tank/data"]),
        ):
            outcome = gate.run(line_of(*MARKS[:number], wrong, *MARKS[number:]), *ALL)
            assert (outcome.status, outcome.ran) == (126, [])
    assert gate.run(line_of(*MARKS), "--allow", "bookmark", *ROOTS).ran == []
    assert gate.run(line_of(*MARKS), "--allow", "hold", *ROOTS).ran == []


def test_joined_commands_end_with_the_first_that_fails(gate):
    """What one of several says and how it ends is handed on, and those after it do not run."""
    gate.fail("destroy", "cannot destroy: permission denied\n", 3)

    outcome = gate.run(line_of(*MARKS), *ALL)

    assert outcome.ran == [["zfs", *words] for words in joined(MARKS)[:2]]
    assert (outcome.status, outcome.said) == (3, "cannot destroy: permission denied\n")


def test_as_much_as_is_ever_joined_goes_through(gate):
    """A line as long as zfspull makes them is not too long for the gate."""
    long = f"tank/data/{'x' * 100}/{'y' * 60}"
    many = [
        change(commands.bookmark(long, f"s {number}", OWNER.bookmark(number))) for number in range(JOINING.requests)
    ]

    outcome = gate.run(line_of(*many, prefix=PREFIXES[1]), *ALL)

    assert (outcome.status, len(outcome.ran)) == (0, JOINING.requests)


REFUSED = """
zfs
zfs list
zfs list -r
zfs list -Hp -r -o name
zfs list -Hpr tank/data
zfs list -o name,keylocation tank/data
zfs list -o 'name type' tank/data
zfs list -t all tank/data
zfs list -d 2 tank/data
zfs list tank/data tank/secret
zfs list tank/data@x%y
zfs list tank/data@x,y
zfs list tank/data@
zfs list tank/data#
zfs list tank/data@x#y
zfs list tank/secret@x
zfs list tank/data@x tank/secret#y
zfs list -d 1 tank/data tank/secret
zfs list -r -o snapshots_changed,mountpoint tank/data
zfs list -r
zfs list -d
zfs list tank/data/../secret
zfs list tank/data//x
zfs list tank/data/
zfs list /tank/data
zfs list -- tank/data
zfs send tank/data@x
zfs send -P tank/data@x
zfs send -Pw tank/data@x
zfs send -L tank/data@x
zfs send -c tank/data@x
zfs send -L -c -e tank/data@x
zfs send -L -c -w tank/data@x
zfs send -L -c tank/secret@x
zfs send -L -c -t 1-ab-cd-ef tank/data@x
zfs send -R -w tank/data@x
zfs send -w -p tank/data@x
zfs send -w tank/data
zfs send -w tank/data@x -R
zfs send -w tank/data@x tank/data@y
zfs send -w -i tank/data@x
zfs send -w -i tank/secret@x tank/data@y
zfs send -w -i 'tank/secret#x' tank/data@y
zfs send -w -i 'tank/data/x#x' tank/data@y
zfs send -w -i x tank/data@y
zfs send -w -i @ tank/data@y
zfs send -w -i @x@y tank/data@y
zfs send -w -S tank/data
zfs send -w tank/data@a%b
zfs send -w -t
zfs send -w -t 1-ab-cd-ef tank/data@x
zfs send -w -i @x -t 1-ab-cd-ef
zfs send -w -t -R
zfs send -w -t 2-ab-cd-ef
zfs send -w --redact=x tank/data@x
zfs holds tank/data@x
zfs holds -H
zfs holds -r tank/data@x
zfs holds -H tank/data
zfs holds -H tank/data@x tank/secret@x
zfs allow
zfs allow puller destroy tank/data
zfs allow -u puller destroy tank/data
zfs unallow tank/data
zfs snapshot tank/data
zfs snapshot -r
zfs snapshot -o x=y tank/data@x
zfs snapshot tank/data@x tank/secret@x
zfs hold keep tank/data@x
zfs hold -r zfspull_a_0123abcd tank/data@x
zfs hold zfspull_a_0123abcd
zfs hold zfspull_a_0123abcd tank/data@x tank/secret@y
zfs release zfspull_a_0123abcd tank/data@x -r
zfs release keep tank/data@x
zfs release zfspull_a_0123abcX tank/data@x
zfs bookmark tank/data@x tank/data#mine
zfs bookmark tank/data@x 'tank/data#mine'
zfs bookmark tank/data@x 'tank/data#zfspull_a_0123abcd_0123'
zfs bookmark tank/data@x 'tank/data/y#zfspull_a_0123abcd_0123456789abcdef'
zfs destroy tank/data
zfs destroy -r tank/data@x
zfs destroy -R tank/data@x
zfs destroy -d tank/data@x
zfs destroy -nvp tank/data@x
zfs destroy tank/data@x%y
zfs destroy tank/data@
zfs destroy tank/data@x tank/data@y
zfs destroy 'tank/data#mine'
zfs rollback tank/data@x
zfs receive tank/data
zfs set readonly=off tank/data
zfs get all tank/data
zfs rename tank/data tank/x
zfs load-key tank/data
zfs program tank x.lua
zpool list
sudo zfs list -r tank/data
sudo -n zpool list
sudo -n -u root zfs list -r tank/data
env LC_ALL=C PATH=/tmp zfs list -r tank/data
env LC_ALL=C LD_PRELOAD=/tmp/x zfs list -r tank/data
env zfs list -r tank/data
LC_ALL=C zfs list -r tank/data
/tmp/zfs list -r tank/data
./zfs list -r tank/data
date +%s
sh -c 'zfs list -r tank/data'
internal-sftp
/usr/lib/openssh/sftp-server
scp -t /tmp
rsync --server
zfs list -r tank/data; reboot
zfs list -r tank/data;reboot
zfs list -r tank/data && reboot
zfs list -r tank/data | reboot
zfs list -r tank/data >canary
zfs list -r tank/data & reboot
zfs list -r $(reboot)
zfs list -r `reboot`
zfs list -r $HOME
zfs list -r tank/*
zfs list -r tank/dat?
zfs list -r ~
zfs list -r {tank/data,tank/secret}
zfs list -r "tank/data"
zfs list -r tank/da\\ta
zfs list -r tank/da'ta'
zfs list -r 'tank/data'x
zfs list -r 'tank/data
zfs list -r 'tank/data'"'"'x'
zfs list -r ''
zfs\tlist\t-r\ttank/data
zfs list -r tank/data #x
'
''
""".removeprefix("\n").removesuffix("\n").replace("\\t", "\t").split("\n")  # fmt: skip
MARKED = "zfs bookmark tank/data@x 'tank/data#zfspull_a_0123abcd_0123456789abcdef'"
JOINED = f"""
{MARKED} &&
&& {MARKED}
{MARKED} && && {MARKED}
{MARKED} && touch canary
{MARKED} && env LC_ALL=C touch canary
{MARKED} &&{MARKED}
{MARKED}&& {MARKED}
{MARKED} '&&' {MARKED}
{MARKED} & {MARKED}
{MARKED} || {MARKED}
{MARKED} ; {MARKED}
{MARKED} && (touch canary)
{MARKED} && zfs destroy tank/data@x
{MARKED} && zfs destroy tank/data
{MARKED} && zfs snapshot tank/data@y
{MARKED} && zfs list -r tank/data
{MARKED} && zfs holds -H tank/data@x
{MARKED} && zfs allow tank/data
{MARKED} && zfs send -w tank/data@x
{MARKED} && zfs send -w -t 1-ab-cd-ef
{MARKED} && zfs hold keep tank/data@x
{MARKED} && zfs destroy 'tank/secret#zfspull_a_0123abcd_0123456789abcdef'
{MARKED} && 'destroy tank/data' 'a#b'
{MARKED} && zfs 'destroy tank/data' 'a#b'
{MARKED} && zfs destroy
zfs list -r tank/data && {MARKED}
zfs send -w tank/data@x && {MARKED}
zfs send -w -t 1-ab-cd-ef && {MARKED}
zfs snapshot tank/data@y && {MARKED}
""".strip().split("\n")
RAW = (
    b"zfs list -r tank/data\nreboot",
    b"zfs list -r tank/data\n",
    b"\nzfs list -r tank/data",
    b"zfs list -r tank/d\xe4ta",
    b"zfs list -r tank/data/\xff",
    b"\xff\xfe",
    b"zfs list -r tank/data/\xc3",
    b"zfs list -r tank/data/\xc3\xa4",
    b"zfs list -r tank/data/\x1b[2J",
    b"zfs list -r tank/data/\x7f",
    b"zfs list -r 'tank/data\r'",
    b"A" * 120_000,
    b"'" * 100_000,
    b" " * 100_000,
    b"zfs list -r tank/data/" + b"x" * 100_000 + b"$",
    b"zfs list -r tank/data/" + b"x" * 20_000 + b"$",
    b"zfs holds -H " + b"tank/data@x " * 1_000 + b"$",
)


def test_refused(gate):
    """What zfspull never sends is refused before anything runs, whatever is allowed besides."""
    for line in (*REFUSED, *JOINED, *RAW):
        outcome = gate.run(line, *ALL)

        assert (outcome.status, outcome.ran) == (126, []), line
        assert outcome.said.startswith("zfspull-gate: refused: ")
        assert outcome.said.endswith("\n")
        assert outcome.said[:-1].isprintable()
    assert not list(gate.home.iterdir())


def test_no_shell(gate):
    """A client that asks for no command gets no shell."""
    assert "opens no shell" in gate.start(*ROOTS).said
    assert gate.run("", *ROOTS).status == 126


@pytest.mark.parametrize(
    "words",
    [(), ("--allow", "hold"), ("--allow",), ("--allow", "destroy", "tank"), ("--alow", "hold", "tank"), ("/tank",),
     ("tank/data/",), ("tank/../x",), ("tank@x",), ("tank/d\xe4ta",), ("tank/a\nb",), ("",), ("tank", "tank/*")],
)  # fmt: skip
def test_gate_that_is_used_wrongly_lets_nothing_through(gate, words):
    """A mistake in authorized_keys closes the gate altogether, and says what is to be mended."""
    outcome = gate.run("zfs list -r tank/data", *words)

    assert (outcome.status, outcome.ran) == (126, [])
    assert "authorized_keys" in outcome.said


def test_sudo(gate):
    """With --sudo all of zfs runs as `sudo -n zfs`, the look into a token included; without it, nothing does."""
    gate.answer(contents(token()))
    line = f"env LC_ALL=C sudo -n zfs send -w -t {encode(token())}"

    assert gate.run(line, "--sudo", *ROOTS).ran == [
        ["sudo", "-n", "zfs", "send", "-n", "-P", "-w", "-t", encode(token())],
        ["sudo", "-n", "zfs", "send", "-w", "-t", encode(token())],
    ]
    assert gate.run("sudo -n zfs list -r tank/data", *ROOTS).ran == [["zfs", "list", "-r", "tank/data"]]


PLAIN = {"raw": False}
TOKENS = {
    "of ours": (contents(token()), True),
    "of ours, below": (contents(token("tank/with space/a b")), True),
    "an increment": (contents(token(from_guid=9), base="tank/data@auto snap"), True),
    "an increment from a bookmark": (contents(token(from_guid=9), base="tank/data#mark"), True),
    "of another dataset": (contents(token("tank/secret")), False),
    "named ours, with the guid of another's snapshot": (contents(token(), found="tank/secret@x"), False),
    "named ours, with the guid of a snapshot below": (contents(token(), found="tank/data/below@x"), False),
    "named ours, with the guid of a filesystem": (contents(token(), found="tank/data"), False),
    "named ours, with the guid of a pool": (contents(token(), found="tank"), False),
    "an increment of another's": (contents(token(from_guid=9), found="tank/secret@x", base="tank/data@x"), False),
    "of a partial receive": (contents(token(saved=True)), False),
    "redacted": (contents(token()).replace("\trawok = 1", "\trawok = 1\n\tredact_snaps = 0x1 0x2"), False),
    "a line that looks like zfs's last": (contents(token(f"tank/data@x\nfull\ttank/data@{TO.name}\t1\n\ttoname = tank/data"), found="tank/secret@x"), False),
    "a second name": (contents(token("tank/secret@x\n\ttoname = tank/data")), False),
    "a second name, found too": (contents(token("tank/data@x\n\ttoname = tank/secret"), found="tank/secret@x"), False),
    "with an unknown word in it": (contents(token("tank/data@x\n; reboot #")), False),
    "no word of a snapshot": (contents(token()).replace("full", "none"), False),
    "nothing": ("", False),
}  # fmt: skip


@pytest.mark.parametrize("case", TOKENS)
def test_resume_tokens(gate, case):
    """A resume token is used only if what zfs would send for it is a snapshot of the very dataset that it names, ours."""
    answer, is_good = TOKENS[case]
    gate.answer(answer, encryption="aes-256-gcm")
    words = ["send", "-P", "-w", "-t", encode(token())]

    outcome = gate.run(shlex.join(["zfs", *words]), *ALL)

    looked = ["zfs", "send", "-n", "-P", "-w", "-t", encode(token())]
    assert outcome.ran == ([looked, ["zfs", *words]] if is_good else [looked])
    assert outcome.status == (0 if is_good else 126)
    assert "secret" not in outcome.said


@pytest.mark.parametrize(("encryption", "is_good"), [("off", True), ("aes-256-gcm", False), ("", False), ("-", False)])
def test_token_that_is_not_raw(gate, encryption, is_good):
    """A token without the raw flag is good for a plain dataset only."""
    gate.answer(contents(token(**PLAIN)), encryption=encryption)

    outcome = gate.run(f"zfs send -P -w -t {encode(token(**PLAIN))}", *ROOTS)

    assert ["zfs", "get", "-H", "-o", "value", "encryption", "tank/data"] in outcome.ran
    assert (len(outcome.ran), outcome.status) == ((3, 0) if is_good else (2, 126))


@pytest.mark.parametrize(("encryption", "is_good"), [("off", True), ("aes-256-gcm", False), ("", False), ("-", False)])
@pytest.mark.parametrize("base", [None, Snapshot(name="w", guid=2, createtxg=2, creation=0)])
def test_send_without_embedded_blocks(gate, base, encryption, is_good):
    """Without `-w` the gate asks zfs whether the dataset is encrypted; only what is not is sent (P7)."""
    gate.answer(encryption=encryption)
    to = Snapshot(name="x", guid=3, createtxg=3, creation=0)
    words = commands.send("tank/data/a", to, base, intermediate=False, embedded=False)

    outcome = gate.run(shlex.join(["zfs", *words]), *ROOTS)

    looked = ["zfs", "get", "-H", "-o", "value", "encryption", "tank/data/a"]
    assert outcome.ran == ([looked, ["zfs", *words]] if is_good else [looked])
    assert outcome.status == (0 if is_good else 126)


GONE = "cannot resume send: 'tank/data@x' used in the initial send no longer exists\n"
CORRUPT = "cannot resume send: resume token is corrupt (incorrect checksum)\n"


@pytest.mark.parametrize(("printed", "stderr"), [(contents(token()).split("full")[0], GONE), ("", CORRUPT)])
def test_token_that_zfs_itself_refuses(gate, printed, stderr):
    """Where zfs can't resume, zfspull hears that in zfs's own words and status, and plans anew."""
    gate.answer(printed, stderr=stderr, status=255)

    outcome = gate.run(f"zfs send -P -w -t {encode(token())}", *ROOTS)

    assert (outcome.status, outcome.said) == (255, stderr)
    assert all("-n" in words for words in outcome.ran)


def test_foreign_token_that_zfs_refuses_says_nothing(gate):
    """What zfs has to say of a dataset that is not ours is not passed on."""
    gate.answer(contents(token("tank/secret")).split("full")[0], stderr=GONE.replace("data", "secret"), status=255)

    outcome = gate.run(f"zfs send -P -w -t {encode(token('tank/secret'))}", *ROOTS)

    assert outcome.status == 126
    assert "secret" not in outcome.said


def test_syslog(gate):
    """What ran and what was refused is told to syslog, in one printable line of bounded length, with who asked."""
    gate.with_logger()
    told = [
        gate.run(line, *ROOTS).ran[0]
        for line in ("zfs list -r 'tank/with space'", "x\n\x1b]0;$(reboot)\xff" + "y" * 9000)
    ]

    assert [words[:-1] for words in told] == [["logger", "-t", "zfspull-gate", "-p", "auth.info", "--"]] * 2
    assert told[0][-1] == "ran: zfs list -r tank/with space, from 10.77.0.2 50022 22"
    assert told[1][-1].startswith("refused: a character that no name of ZFS has")
    assert "x???0;$(reboot)??yyy" in told[1][-1]
    assert all(words[-1].isprintable() and len(words[-1]) < 600 for words in told)


def test_environment(gate, tmp_path):
    """What runs gets nothing of the client's environment, but a path and a language that the gate sets."""
    (tmp_path / "bin/zfs").write_text("#!/bin/sh\nenv\n")
    theirs = {"SSH_ORIGINAL_COMMAND": "zfs allow tank/data", "ZFS_DEBUG": "1", "LD_BIND_NOW": "1", "LC_ALL": "C.UTF-8"}

    said = gate.start("tank/data", environment=theirs).said

    given = dict(line.split("=", 1) for line in said.splitlines())
    assert (given.pop("LC_ALL"), given.pop("PATH")) == ("C", str(tmp_path / "bin"))
    assert given.keys() <= {"PWD", "OLDPWD", "SHLVL", "_"}  # the script's own shell adds them


@pytest.mark.parametrize("shell", FOUND)
def test_version_and_help(shell):
    """The gate tells zfspull's own version, and how it is used."""
    run = [*FOUND[shell], str(GATE)]
    version = subprocess.run([*run, "--version"], capture_output=True, text=True, check=True).stdout
    assert version == f"zfspull-gate {__version__}\n"
    assert "--allow" in subprocess.run([*run, "--help"], capture_output=True, text=True, check=True).stdout


def test_refusal_is_understood(tmp_path):
    """A pull takes a refusal for what it is: a permission that is missing until somebody gives it, with where to look."""
    shell = next(iter(FOUND))
    outcome = Gate(tmp_path, shell).run("zfs hold zfspull_a_0123abcd 'tank/data@pool is read-only'", "tank/data")

    error = failure(Side.SOURCE, "zfs hold", Ended(outcome.status, outcome.said))

    assert isinstance(error, PermanentError)
    assert (error.reason, outcome.status) == ("permission", 126)
    assert "zfspull-gate" in error.hint
    assert "--allow hold" in error.message
