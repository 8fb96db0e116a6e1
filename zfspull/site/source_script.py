"""The shell script that prepares a source, and the one line of authorized_keys that it puts there. Pure text.

It is made to be read by the person who runs it as root, and to be run again: what is there is left as it is. The home
of a user that it makes belongs to root, so that the login can't change what it may do.
"""

from __future__ import annotations

import shlex

from zfspull.plan.grants import source_permissions
from zfspull.site.wishes import Wishes


GATE_PATH = "/usr/local/bin/zfspull-gate"
"""Where the gate lies on a source."""

INSTALL_GATE = f"umask 022; cat >{GATE_PATH}.new && chmod 755 {GATE_PATH}.new && mv {GATE_PATH}.new {GATE_PATH}"
"""What puts the gate there that comes on standard input; one that is in use meanwhile is not cut short."""

_HOME = "/var/lib/zfspull-source"

_SCRIPT = """\
# What zfspull needs on this source. As root; it may be run again.
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin
user={user}
keys={keys}

# A user that can do nothing but what is granted below.
if ! id "$user" >/dev/null 2>&1; then
    if command -v useradd >/dev/null; then
        useradd --system --no-create-home --home-dir {home} --shell /bin/sh "$user"
    else
        pw useradd "$user" -d {home} -s /bin/sh -w no
    fi
fi
home=$(getent passwd "$user" | cut -d: -f6)
case $(getent passwd "$user" | cut -d: -f7) in
*/nologin | */false)
    echo "$user has no shell to log in with: give zfspull another user (setup --user NAME)" >&2
    exit 1
    ;;
esac

# The key, and what it may do. The line replaces an older one of the same key.
if [ -L "$home/.ssh" ] || [ -L "$home/.ssh/authorized_keys" ]; then
    echo "$home/.ssh is a link, or has one for authorized_keys: add the line by hand" >&2
    exit 1
fi
[ -d "$home" ] || install -d -m 755 "$home"
[ -d "$home/.ssh" ] || install -d -m 755 "$home/.ssh"
file=$home/.ssh/authorized_keys
[ -e "$file" ] || install -m 644 /dev/null "$file"
if ! grep -qxF -- "$keys" "$file"; then
    {{ grep -vF -- {key} "$file" || :; printf '%s\\n' "$keys"; }} >"$file.new"
    cat "$file.new" >"$file"
    rm "$file.new"
fi

# What it may do in ZFS.
{allow}
"""


def source_script(wishes: Wishes, public_key: str) -> str:
    """The script that prepares the source.

    Args:
        wishes: what is to be there.
        public_key: the line of the daemon's key, as in authorized_keys.
    """
    words = (shlex.quote(wishes.host.user), ",".join(source_permissions(wishes.verbs)))
    allow = "\n".join(f"zfs allow -u {words[0]} {words[1]} {shlex.quote(root)}" for root in wishes.roots)
    return _SCRIPT.format(
        user=words[0],
        keys=shlex.quote(authorized_keys_line(wishes, public_key)),
        key=shlex.quote(public_key.split()[1]),
        home=_HOME,
        allow=allow,
    )


def authorized_keys_line(wishes: Wishes, public_key: str) -> str:
    """The line that lets the daemon in, through the gate if there is to be one.

    sshd takes the command's double quotes off, within which a backslash protects, and hands it to the login's shell.
    """
    if not wishes.gate:
        return f"restrict {public_key}"
    command = gate_command(wishes).replace("\\", "\\\\").replace('"', '\\"')
    return f'restrict,command="{command}" {public_key}'


def gate_command(wishes: Wishes) -> str:
    """The gate with what it allows."""
    allow = ("--allow", ",".join(wishes.verbs)) if wishes.verbs else ()
    return shlex.join((GATE_PATH, *allow, *wishes.roots))
