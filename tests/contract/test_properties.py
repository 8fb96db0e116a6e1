"""What a stream says of properties, and what a replica has; on real ZFS only, as the pools in memory have none."""

import pytest

from tests.contract.actions import Create, Snapshot, Write
from zfspull.events import Outcome, TransferFinished
from zfspull.hosts.source import SshSource


pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

_TELLING = """\
#!/bin/sh
case "$*" in
  "send "{which}) shift; exec zfs send -p "$@" ;;
  list*) zfs "$@" | sed 's/\\tfilesystem\\t/\\t{kind}\\t/; s/^filesystem\\t/{kind}\\t/'; exit ;;
esac
exec zfs "$@"
"""
"""A source that sends properties for which nobody has asked, and says of what kind its datasets are."""

of_which_step = pytest.mark.parametrize("which", ["*", "*-I*"], ids=["every-step", "later-step"])


async def pulled(world, which, kind):
    """The properties of a replica, by name with their sources, of a filesystem that brings its own."""
    await world.on_source(Create(""), *(action for name in "abc" for action in (Write(""), Snapshot("", name))))
    await world._shell(
        "source",
        f"zfs set mountpoint=/telling readonly=off exec=off {world.source_root}\n"
        f"cat >/root/telling-zfs <<'end'\n{_TELLING.format(which=which, kind=kind)}end\nchmod +x /root/telling-zfs",
    )
    world.source = SshSource(world.connection, zfs=["/root/telling-zfs"])

    finished = await world.run()

    assert finished.outcome is Outcome.SUCCESS, finished.error
    assert [event.kind for event in world.events.of(TransferFinished)] == ["full", "range"]
    found = await world._shell(
        "target", f"zfs get -Hpo property,value,source readonly,canmount,mountpoint,exec {world.target_root}"
    )
    return {name: (value, source) for name, value, source in (line.split("\t") for line in found.stdout.splitlines())}


@of_which_step
async def test_no_step_takes_its_mounting_from_the_stream(real_world, which):
    """Whichever step of a run brings properties, ours prevail; another one arrives, so the stream did bring them.

    That is why every receive sets them anew: the first stream that brings any takes away what was set before, on the
    replica and by whomever.
    """
    found = await pulled(real_world, which, "filesystem")

    assert found["readonly"] == ("on", "local")
    assert found["canmount"] == ("noauto", "local")
    assert found["mountpoint"][0] != "/telling"
    assert found["exec"] == ("off", "received")


@of_which_step
async def test_nor_does_one_of_a_filesystem_that_passes_for_a_volume(real_world, which):
    """A filesystem that is listed as a volume can't be given `canmount`; its own and its mountpoint are left out."""
    found = await pulled(real_world, which, "volume")

    assert found["readonly"] == ("on", "local")
    assert found["canmount"][0] != "noauto", "it was not taken for a volume"
    assert found["canmount"][1] != "received"
    assert found["mountpoint"][0] != "/telling"
    assert found["exec"] == ("off", "received")
