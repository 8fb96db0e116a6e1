"""What `zfs receive` is told, so that no stream sets a mountpoint, mounts something, or overwrites anything."""

from __future__ import annotations

from itertools import pairwise

import pytest

from zfspull.config.schema import TargetSettings
from zfspull.hosts.target import LocalTarget
from zfspull.plan.steps import Step, StepKind
from zfspull.zfs.model import Kind, Snapshot


BASE = Snapshot(name="one", guid=1, createtxg=1, creation=1)
KINDS = [
    (StepKind.FULL, None, None), (StepKind.INCREMENTAL, BASE, None), (StepKind.RANGE, BASE, None),
    (StepKind.RESUME, None, "1-x-y-z"),
]  # fmt: skip


async def words_of(tmp_path, step, target=None):
    """The words that zfs(8) is started with for `step`."""
    script, log = tmp_path / "zfs", tmp_path / "log"
    script.write_text(f"printf '%s\\n' \"$@\" >{log}\ncat >/dev/null\n")
    settings = target or TargetSettings()
    here = LocalTarget(
        zfs=["sh", str(script)],
        properties=settings.properties,
        filesystem_properties=settings.filesystem_properties,
        exclude_properties=settings.exclude_properties,
    )
    async with here.receive(step.target, step) as receiving:
        await receiving.finish()
    return log.read_text().splitlines()


def step_of(kind, base, token, dataset_kind, *, raw):
    return Step(
        kind=kind, source="tank/a", target="vault/a", dataset_kind=dataset_kind, base=base, token=token, raw=raw,
        creates=base is None, to=Snapshot(name="two", guid=2, createtxg=2, creation=2),
    )  # fmt: skip


def after(words, option):
    return {second for first, second in pairwise(words) if first == option}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(("kind", "base", "token"), KINDS, ids=lambda value: str(value)[:12])
async def test_a_filesystem_brings_no_mountpoint(tmp_path, kind, base, token, raw):
    """Every receive of a filesystem, raw or not: unmounted, read-only, mounted by nobody, its mountpoint left out, no -F."""
    words = await words_of(tmp_path, step_of(kind, base, token, Kind.FILESYSTEM, raw=raw))

    assert words[:3] == ["receive", "-s", "-u"]
    assert words[-1] == "vault/a"
    assert after(words, "-o") == {"readonly=on", "canmount=noauto"}
    assert after(words, "-x") == {"mountpoint"}
    assert not [word for word in words if word.startswith("-") and word not in ("-s", "-u", "-o", "-x")]


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(("kind", "base", "token"), KINDS, ids=lambda value: str(value)[:12])
async def test_a_filesystem_that_passes_for_a_volume_brings_none_either(tmp_path, kind, base, token, raw):
    """That something is a volume is what its source says: what mounts a filesystem is left out of its stream too."""
    words = await words_of(tmp_path, step_of(kind, base, token, Kind.VOLUME, raw=raw))

    assert words[:3] == ["receive", "-s", "-u"]
    assert after(words, "-o") == {"readonly=on"}  # zfs refuses -o canmount for a volume, and takes -x
    assert after(words, "-x") == {"canmount", "mountpoint"}


async def test_what_the_settings_allow_is_not_left_out(tmp_path):
    """Whoever wants mountpoints from the source gets them, of whatever kind the dataset is said to be."""
    settings = TargetSettings(filesystem_properties={}, exclude_properties=())

    words = await words_of(tmp_path, step_of(*KINDS[0], Kind.VOLUME, raw=True), settings)

    assert after(words, "-x") == set()
