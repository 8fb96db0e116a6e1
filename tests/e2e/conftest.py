"""A backup site on two machines, for the tests of the whole thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from zfspull_dist.checkout import source_date_epoch
from zfspull_dist.deb import build_deb

from tests.lab.fixtures import MakePool, TwoMachines
from tests.lab.site import Site


MAIN = """\
hosts:
  gw:
    address: 10.77.0.1
    keepalive_interval: 2s
    connect_timeout: 10s
http: {listen: 127.0.0.1:9797}
"""


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package of this checkout."""
    return build_deb(tmp_path_factory.mktemp("deb"), source_date_epoch())


@pytest.fixture(scope="module")
def installed(two_machines: TwoMachines) -> Site:
    """The daemon installed on the backup box, once for all tests of a module."""
    site = Site(two_machines.source, two_machines.backup)
    site.install()
    return site


@pytest.fixture
def site(installed: Site, make_pool: MakePool) -> Iterator[Site]:
    """The site with fresh pools: an encrypted tree `tank` on the source, and an empty `backup`."""
    make_pool(installed.source, name="tank")
    make_pool(installed.backup, name="backup")
    installed.grant("backup")
    installed.source.write("/root/make-tree", MAKE_TREE)
    installed.source.run("sh /root/make-tree")
    installed.turn_page()
    yield installed
    installed.stop()
    installed.log_page()
    installed.backup.run("rm -rf /var/lib/zfspull/*")


MAKE_TREE = """\
set -e
echo correct-horse >/root/key
for name in home home/own; do
    zfs create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/key tank/$name </dev/null
done
zfs create tank/home/mail
zfs create -V 16M -s tank/home/vol
zfs create -o compression=off tank/home/big
head -c 2000000 /dev/urandom >/tank/home/mail/inbox
zfs snapshot -r tank/home@first
"""
