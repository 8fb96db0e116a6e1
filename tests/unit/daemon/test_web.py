"""Where HTTP is served."""

from __future__ import annotations

import pytest

from zfspull.config.schema import Http
from zfspull.daemon.web import Web
from zfspull.errors import LocalResourceError


class Port:
    """Ports that can be bound once at a time, as those of a kernel; `log` tells what was bound and freed."""

    def __init__(self):
        self.taken, self.refused, self.log = set(), set(), []

    async def listen(self, address, port):
        if port in self.taken or port in self.refused:
            raise LocalResourceError(f"can't bind {address}:{port}")
        self.taken.add(port)
        self.log.append(f"+{address}")
        return Bound(self, address, port)


class Bound:
    def __init__(self, ports, address, port):
        self.ports, self.address, self.port = ports, address, port

    async def cleanup(self):
        self.ports.taken.remove(self.port)
        self.ports.log.append(f"-{self.address}")


@pytest.fixture
def ports():
    return Port()


async def test_what_did_not_change_is_not_touched(ports):
    """A reload that leaves the address alone interrupts no scrape."""
    web = Web(ports.listen)
    await web.move(Http(listen="127.0.0.1:9797"))
    await web.move(Http(listen="127.0.0.1:9797"))

    assert ports.log == ["+127.0.0.1"]


async def test_another_address_on_the_same_port_works(ports):
    """The old listener makes way, for 0.0.0.0 can't be bound beside 127.0.0.1."""
    web = Web(ports.listen)
    await web.move(Http(listen="127.0.0.1:9797"))
    await web.move(Http(listen="0.0.0.0:9797"))

    assert ports.log == ["+127.0.0.1", "-127.0.0.1", "+0.0.0.0"]


async def test_a_move_that_fails_is_undone(ports):
    """All or nothing: it listens where it did before."""
    web = Web(ports.listen)
    await web.move(Http(listen="127.0.0.1:9797"))
    ports.refused.add(80)
    with pytest.raises(LocalResourceError):
        await web.move(Http(listen="127.0.0.1:80"))

    assert ports.taken == {9797}


async def test_losing_both_places_is_survived(ports):
    """Even if the old address can't be had back the next reload can succeed."""
    web = Web(ports.listen)
    await web.move(Http(listen="127.0.0.1:9797"))
    ports.refused |= {80, 9797}
    with pytest.raises(LocalResourceError):
        await web.move(Http(listen="127.0.0.1:80"))
    ports.refused.clear()
    await web.move(Http(listen="127.0.0.1:9797"))

    assert ports.taken == {9797}


@pytest.mark.parametrize("http", [None, Http(enabled=False)])
async def test_http_can_be_switched_off(ports, http):
    """Nothing listens where nothing is to be served."""
    web = Web(ports.listen)
    await web.move(Http())
    await web.move(http)

    assert ports.taken == set()
