"""What a log or a terminal must never show: the private key, whatever is wrong with it."""

from __future__ import annotations

import asyncssh
import pytest

from tests.functional.hostile.liar import is_inert, words_of
from zfspull.cli.failure import tell
from zfspull.errors import PermanentError, ZfspullError


def told(error, capsys):
    """All that is said of an error, the traceback of --debug included."""
    tell(error, debug=True)
    return words_of(error) + capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "swapped", "passphrase"])
async def test_a_damaged_key_is_not_shown(ssh_host, capsys, damage):
    """A key file that can't be read is named, and nothing of what stands in it is told, not even with --debug."""
    lines = ssh_host.key.read_text().splitlines()
    body = lines[1:-1]
    if damage == "cut":
        lines = [lines[0], *body[:2], lines[-1]]
    elif damage == "swapped":
        lines = [lines[0], *reversed(body), lines[-1]]
    else:
        lines = [line.replace("OPENSSH", "RSA") for line in lines]
    ssh_host.key.write_text("\n".join(lines) + "\n")

    with pytest.raises(ZfspullError) as caught:
        await ssh_host.connection().run(["true"], timeout_seconds=20)

    shown = told(caught.value, capsys)
    assert not [line for line in body if line in shown or line[:20] in shown]
    assert is_inert(words_of(caught.value))


async def test_a_refused_key_is_not_shown(ssh_host, capsys):
    """A key that the host refuses is told by the name of its file."""
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(ssh_host.key)
    body = ssh_host.key.read_text().splitlines()[1:-1]

    with pytest.raises(PermanentError) as caught:
        await ssh_host.connection().run(["true"], timeout_seconds=20)

    shown = told(caught.value, capsys)
    assert caught.value.reason == "authentication"
    assert str(ssh_host.key) in shown
    assert not [line for line in body if line in shown]
