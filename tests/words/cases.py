"""How to make zfs(8) say each text of the table: shell that runs as root in a machine with real OpenZFS.

A case's shell ends with the command that fails; its status and what the whole case printed on standard error are judged.
``PREPARE`` makes what they share: pool ``w`` to send from, pool ``v`` to receive into, and streams in ``$D``.
"""

from dataclasses import dataclass

from zfspull.zfs.texts import Side


S, T = Side.SOURCE, Side.TARGET
BOTH = ("2.1", "2.3")


@dataclass(frozen=True)
class Case:
    """One way to a text.

    Attributes:
        text: Of the row that must be found.
        side: The end that says it.
        shell: What provokes it.
        status: What it ends with.
        releases: The OpenZFS versions that say it.
    """

    text: str
    side: Side
    shell: str
    status: int = 1
    releases: tuple[str, ...] = BOTH


PREPARE = r"""
export LC_ALL=C D=/var/lib/lab-words
rm -rf $D; mkdir -p $D; chmod 755 $D; cd $D
id words >/dev/null 2>&1 || useradd words
head -c 32 /dev/urandom >key
for pool in w v; do truncate -s 512M $pool; zpool create -f -O compression=off -m $D/mnt-$pool $pool $D/$pool; done
lock="-o encryption=on -o keyformat=raw -o keylocation=file://$D/key"
grow() { head -c ${2:-600000} /dev/urandom >>$D/mnt-w/$1/data; }
zfs create w/p; zfs create $lock -o xattr=sa -o dnodesize=legacy w/e; zfs create -o recordsize=1M w/b
zfs create -V 1M -s w/z
zfs create $lock v/locked; zfs create $lock v/open; zfs create v/plain; zfs create v/users; zfs allow -u words create,receive,mount v/users
for step in one two three; do
    grow p; grow e; grow b 2000000
    echo $step >mnt-w/p/small-$step
    [ $step = one ] && python3 -c 'import os; os.setxattr("mnt-w/e/data", "user.large", b"x" * 3000)'
    zfs snapshot w/p@$step w/e@$step w/b@$step w/z@$step
done
zfs set compression=lz4 w/p; python3 -c 'print("x" * 90)' >mnt-w/p/embedded; zfs snapshot w/p@four
zfs umount v/locked; zfs unload-key v/locked
zfs send w/p@one >p1; zfs send -i @one w/p@two >p12; zfs send -i @two w/p@three >p23
zfs send -w w/e@one >e1; zfs send -w -i @one w/e@two >e12; zfs send -w -i @two w/e@three >e23
zfs send w/e@one >plain1; zfs send -i @one w/e@two >plain12
zfs send -w w/b@one >b1; zfs send -i @one w/b@two >b12; zfs send w/z@one >z1; zfs send -w -I w/p@three w/p@four >p34
suspensions() { dmesg | grep -c "Pool 't' has"; }
half() { head -c 300000 $1 | zfs receive -s -u $2 2>/dev/null; }
token() { zfs get -H -o value receive_resume_token $1; }
written() { zfs mount $1; echo more >$D/mnt-$1/more; zfs umount $1; }
# forge FILE WHAT: the stream with one lie in its first records, each of which has 312 bytes
forge() { python3 - "$@" <<'END'
import struct, sys
data, lie = bytearray(open(sys.argv[1], "rb").read()), sys.argv[2]
if lie == "feature": data[16:24] = struct.pack("<Q", struct.unpack("<Q", data[16:24])[0] | 1 << 33)
if lie == "name": data[56:312] = data[56:312].replace(b"@", b"x")
if lie == "record": data[312:316] = struct.pack("<I", 99); data[592:624] = bytes(32)
if lie == "flip": data[400000] ^= 255
if lie == "suite":
    at = data.index(b"DSL_CRYPTO_SUITE\0") + 24
    data[at : at + 8] = struct.pack("<Q", 77)
if lie == "key": data[(at := data.index(b"DSL_CRYPTO_GUID\0") + 16)] ^= 1
if lie in {"suite", "key"}:  # the next record has a checksum of all before it; zeros mean none
    end = 312 * 2 + struct.unpack("<I", data[4:8])[0]
    data[end - 32 : end] = bytes(32)
sys.stdout.buffer.write(data)
END
}
"""

CLEAN = """
cd /; umount $D/tiny 2>/dev/null
for pool in w v s t r o i; do zpool destroy -f $pool 2>/dev/null; done
rm -rf $D
"""

CASES: tuple[Case, ...] = (
    Case("out of space", T, "truncate -s 64M s; zpool create s $D/s; "
         "zfs create -o reservation=$(($(zfs get -Hp -o value available s) - 300000)) s/r; zfs receive -s -u s/p <p1"),
    Case("space quota exceeded", T, "zfs create -o quota=300K v/q; zfs receive -s -u v/q/p <p1"),
    Case("pool I/O is currently suspended", T,
         "mkdir tiny; mount -t tmpfs -o size=24M tiny tiny; truncate -s 128M tiny/f; zpool create -o failmode=continue t $D/tiny/f; "
         "before=$(suspensions); (head -c 40M /dev/urandom >/t/x) 2>/dev/null & "
         "for try in $(seq 60); do [ $(suspensions) != $before ] && break; sleep 0.3; done; "
         "timeout 20 zfs receive -s -u t/p <p1; status=$?; "
         "mount -o remount,size=200M tiny; for try in $(seq 10); do zpool clear t; kill -0 $! 2>/dev/null || break; sleep 0.3; done; exit $status"),
    Case("pool is read-only", T, "truncate -s 64M r; zpool create r $D/r; zpool export r; "
         "zpool import -d $D -o readonly=on r; zfs receive -s -u r/p <p1"),
    Case("partially-complete state", T, "zfs receive -u v/a <p1; half p12 v/a; zfs receive -s -u v/a <p12"),
    Case("does not\nmatch incremental source", T, "zfs receive -u v/b <p1; zfs receive -s -u v/b <p23"),
    Case("has been modified", T, "zfs receive -u v/c <p1; written v/c; zfs receive -s -u v/c <p12"),
    Case("must specify -F to overwrite it", T, "zfs receive -s -u v/plain <p1"),
    Case("must destroy them to overwrite it", T, "zfs receive -u v/d <p1; zfs receive -F -s -u v/d <p1"),
    Case("destination already exists", T, "zfs receive -u v/e <p1; zfs receive -u v/e <p12; "
         "zfs rename v/e@one v/e@three; zfs receive -s -u v/e <p23"),
    Case("Resuming recv on existing", T, "half p1 v/f; zfs send -t $(token v/f) >rest; zfs receive -A v/f; "
         "zfs receive -u v/f <p1; zfs receive -s -u v/f <rest", releases=("2.3",)),
    Case("kernel modules must be upgraded", T, "half p1 v/f1; zfs send -t $(token v/f1) >rest; zfs receive -A v/f1; "
         "zfs receive -u v/f1 <p1; zfs receive -s -u v/f1 <rest", releases=("2.1",)),
    Case("IV set guid m", T, "zfs receive -u v/g <e1; zfs load-key -L file://$D/key v/g; "
         "zfs receive -u v/g <plain12; zfs receive -s -u v/g <e23"),
    Case("encryption key does not match", T, "zfs receive -u v/h <e1; forge e12 key >lie; zfs receive -s -u v/h <lie"),
    Case("raw receive on top of existing unencrypted", T, "zfs receive -u v/i <plain1; zfs receive -s -u v/i <e12"),
    Case("cannot be used to destroy an encrypted", T, "zfs create v/j; zfs receive -F -s -u v/j <e1"),
    Case("inherited key must be loaded", T, "zfs receive -s -u v/locked/p <p1"),
    Case("encryption key not loaded", T, "zfs receive -u v/l <e1; zfs mount v/l"),
    Case("encryption property", T, "zfs receive -s -u -o encryption=off v/m <e1"),
    Case("does not apply to datasets of this type", T, "zfs receive -s -u -o canmount=noauto v/n <z1"),
    Case("kernel modules must be upgraded", T, "forge p1 record >lie; zfs receive -s -u v/o <lie"),
    Case("unsupported feature", T, "forge p1 feature >lie; zfs receive -s -u v/o2 <lie", releases=("2.3",)),
    Case("pool must be upgraded", T, "truncate -s 64M o; zpool create -d o $D/o; zfs receive -s -u o/b <b1"),
    Case("crypto parameters not compatible", T, "forge e1 suite >lie; zfs receive -s -u v/o3 <lie", releases=("2.3",)),
    Case("requires -L", T, "zfs receive -u v/q2 <b1; zfs receive -s -u v/q2 <b12"),
    Case("incompatible embedded data", T, "zfs send -e w/p@four | zfs receive -s -u v/open/s", releases=("2.3",)),
    Case("kernel modules must be upgraded", T, "zfs send -e w/p@four | zfs receive -s -u v/open/s", releases=("2.1",)),
    Case("bad magic number", T, "(echo Welcome; cat p1) | zfs receive -s -u v/s"),
    Case("bad snapshot name", T, "forge p1 name >lie; zfs receive -s -u v/s <lie"),
    Case("invalid backup stream", T, "forge p1 record >lie; zfs receive -u v/s <lie"),
    Case("must be run as root", S, "chmod 600 /dev/zfs; su words -c '/usr/sbin/zfs send w/p@one >/dev/null'; "
         "status=$?; chmod 666 /dev/zfs; exit $status"),
    Case("permission denied", S, "su words -c '/usr/sbin/zfs send w/p@one >/dev/null'"),
    Case("permission denied", T, "su words -c '/usr/sbin/zfs receive -s -u v/s' <p1"),
    Case("Permission denied", S, "cp /usr/sbin/zfs closed; chmod 700 closed; su words -c $D/closed", 126),
    Case("modules are not loaded", S, "unshare -m sh -c 'mount -t tmpfs none /sys/module; mount -t tmpfs none /dev; "
         "mknod /dev/null c 1 3; zfs send w/p@one'"),
    Case("modules cannot be auto-loaded", S, "unshare -m sh -c 'mount -t tmpfs none /sys/module; mount -t tmpfs none /dev; "
         "ZFS_MODULE_LOADING=no zfs list'", releases=("2.3",)),
    Case("cannot mount", T, "chmod 755 $D/mnt-v $D/mnt-v/users; su words -c '/usr/sbin/zfs receive -s v/users/p' <p1", releases=("2.1",)),
    Case("cannot mount", T, "chmod 755 $D/mnt-v $D/mnt-v/users; su words -c '/usr/sbin/zfs receive -s v/users/p2' <p1", 0, releases=("2.3",)),
    Case("used in the initial send no longer exists", S, "half p1 v/t; zfs clone w/p@one w/t; zfs snapshot w/t@x; grow t; "
         "zfs snapshot w/t@y; zfs send w/t@y >t1; half t1 v/t1; zfs destroy w/t@y; zfs send -t $(token v/t1)", 255),
    Case("is no longer the same snapshot used in the initial send", S,
         "zfs snapshot w/t@y; zfs send -t $(token v/t1)", 255),
    Case("no longer exists", S, "grow t; zfs snapshot w/t@u; grow t; zfs snapshot w/t@v; zfs send w/t@u | zfs receive -u v/t2; "
         "zfs send -i @u w/t@v >t2; half t2 v/t2; zfs destroy w/t@u; zfs send -t $(token v/t2)", 255),
    Case("resume token is corrupt", S, "zfs send -t 1-abc-d-ef", 255),
    Case("key must be loaded", S, "zfs create $lock w/k; zfs snapshot w/k@one; zfs umount w/k; zfs unload-key w/k; "
         "zfs send w/k@one >/dev/null"),
    Case("may not be sent with properties without the raw flag", S, "zfs send -p w/e@one >/dev/null"),
    Case("large microzaps", S, "echo 1048576 >/sys/module/zfs/parameters/zap_micro_max_size; zfs create w/m; "
         "(cd mnt-w/m; seq -f %040.0f 2500 | xargs touch); zfs snapshot w/m@one; zfs send w/m@one >/dev/null; status=$?; "
         "echo 131072 >/sys/module/zfs/parameters/zap_micro_max_size; exit $status", releases=("2.3",)),
    Case("does not exist", S, "zfs send w/none@one"),
    Case("does not exist", S, "zfs send -i @none w/p@two"),
    Case("No such process", S, "zfs send -P -w -i w/p#none w/p@two >/dev/null"),
    Case("not an earlier snapshot from the same fs", S, "zfs send -i w/e@one w/p@two >/dev/null"),
    Case("target is busy", S, "zfs send w/p >/dev/null"),
    Case("no such pool", T, "zfs create none/a"),
    Case("does not exist", T, "zfs receive -s -u none/a <p1"),
    Case("does not exist", T, "zfs receive -s -u v/none/a <p1"),
    Case("does not exist", T, "zfs receive -s -u v/v <p12"),
    Case("is busy", T, "zfs receive -u v/w <p1; zfs hold x v/w@one; zfs receive -u v/w <p12; zfs hold x v/w@two; zfs rollback -r v/w@one"),
    Case("is busy", T, "zfs destroy v/w@one", releases=("2.1",)),
    Case("has children", T, "zfs receive -u v/w3 <p1; zfs destroy v/w3"),
    Case("has children", T, "zfs receive -u v/w4 <z1; zfs destroy v/w4"),
    Case("has children", T, "zfs create v/w5; zfs create v/w5/below; zfs destroy v/w5"),
    Case("being held", T, "zfs destroy v/w@one", releases=("2.3",)),
    Case("dependent clones", T, "zfs receive -u v/x <p1; zfs clone v/x@one v/x2; zfs destroy v/x@one"),
    Case("clones of previous snapshots exist", T, "zfs receive -u v/y <p1; zfs receive -u v/y <p12; "
         "zfs clone v/y@two v/y2; zfs rollback -r v/y@one"),
    Case("Input/output error", S, "truncate -s 64M i; zpool create -O compression=off i $D/i; yes zfspull-words | head -c 400000 >/i/x; "
         "zfs snapshot i@one; zpool export i; python3 -c 'd = open(\"i\", \"rb+\"); b = d.read(); d.seek(0); "
         "d.write(b.replace(b\"zfspull-words\", b\"zfspull-sword\"))'; zpool import -d $D i; set -o pipefail; zfs send i@one | cat"),
    Case("command not found", S, "nozfs send w/p@one", 127),
    Case("No such file or directory", S, "/opt/none/zfs send w/p@one", 127),
    Case("incomplete stream", T, "head -c 300000 p1 | zfs receive -s -u v/z1"),
    Case("incomplete stream", T, "head -c 300000 p1 | zfs receive -u v/z2"),
    # Behind what is said of a property that may not be set, once for each snapshot that arrives.
    Case("incomplete stream", T, "su words -c '/usr/sbin/zfs receive -u v/users/d' <p1; zfs send -I w/p@one w/p@three >p13; "
         "head -c $(($(stat -c %s p12) + 300000)) p13 | su words -c '/usr/sbin/zfs receive -s -u -o canmount=noauto v/users/d'"),
    Case("checksum mismatch", T, "forge p1 flip >lie; zfs receive -u v/z3 <lie"),
    Case("failed to read from stream", T, "zfs receive -s -u v/z4 </dev/null"),
    Case("signal received", S, "trap '' PIPE; mkfifo f; head -c 1000 f >/dev/null & zfs send w/p@three >f"),
    Case("roken pipe", S, "python3 -c 'import socket, subprocess, sys; ours, theirs = socket.socketpair(); theirs.close(); "
         "sys.exit(subprocess.call([\"zfs\", \"send\", \"w/p@three\"], stdout=ours, restore_signals=False))'", releases=("2.1",)),
    Case(": not found", S, "dash -c 'nozfs send w/p@one'", 127),
)  # fmt: skip


def script(cases: tuple[Case, ...] = CASES) -> str:
    """All of it, for one shell: per case a line ``@@ number status``, then what it said."""
    bodies = "".join(
        f"( cd $D\n{case.shell}\n) >$D/out 2>$D/err </dev/null; printf '\\n@@ {number} %s\\n' $?; cat $D/err\n"
        for number, case in enumerate(cases)
    )
    return f"{PREPARE}{bodies}{CLEAN}"
