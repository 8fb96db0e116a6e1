"""What systemd says of the unit, read from a stand-in that prints what systemd 252 and 257 print."""

import shlex
from pathlib import Path

import pytest

from zfspull.site.unit import daemon_user, hands_over


SHOWN = "LoadState=loaded\nUser=zfspull\nLoadCredential=[unprintable]\n"
UNIT = "# /usr/lib/systemd/system/zfspull.service\n[Service]\nUser=zfspull\nLoadCredential=keys:/etc/zfspull/keys\n"


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Makes a systemctl that prints these texts; an empty one of `cat` fails, as where there is no unit."""

    def make(cat, show=SHOWN):
        program = tmp_path / "systemctl"
        program.write_text(
            f"#!/bin/sh\ncase $1 in\nshow) printf %s {shlex.quote(show)} ;;\n"
            f"cat) printf %s {shlex.quote(cat)}; exit {0 if cat else 1} ;;\nesac\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return make


@pytest.mark.parametrize(
    ("cat", "handed"),
    [
        (UNIT, True),
        (UNIT + "# drop-in\n[Service]\nLoadCredential=\n", False),
        (UNIT + "LoadCredential=\nLoadCredential=mine:/etc/zfspull/keys\n", True),
        (UNIT.replace("keys:/etc/zfspull/keys", "keys:/etc/other"), False),
        ("", False),
    ],
)
async def test_a_key_is_handed_over_if_the_unit_says_so(systemctl, cat, handed):
    """The unit with its drop-ins decides, although systemd can't print the property; no unit hands nothing over."""
    systemctl(cat)

    assert await hands_over(Path("/etc/zfspull/keys/id_ed25519")) is handed


async def test_the_unit_says_whose_the_daemon_is(systemctl):
    """Its user, and root where it names none."""
    systemctl(UNIT)
    assert await daemon_user() == "zfspull"
    systemctl(UNIT, show="LoadState=loaded\nUser=\n")
    assert await daemon_user() == "root"
