"""The features of pools, as far as streams need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What a pool says of a feature that it knows."""

    DISABLED = "disabled"
    ENABLED = "enabled"
    ACTIVE = "active"


NEEDED_BY_STREAMS: Mapping[str, str] = {
    "encryption": "encrypted datasets",
    "large_blocks": "records larger than 128 KiB",
    "large_dnode": "`dnodesize` other than legacy",
    "embedded_data": "small blocks kept in block pointers",
    "lz4_compress": "blocks compressed with lz4",
    "zstd_compress": "blocks compressed with zstd",
    "large_microzap": "directories larger than 128 KiB in one block",
    "longname": "file names longer than 255 bytes",
}
"""By name, what a pool has that uses it. Raw streams carry blocks as they are on disk, so the target must know them
too. Other features are about how a pool is laid out, and no stream has them (zpool-features(7))."""

_PREFIX = "feature@"


@dataclass(frozen=True, slots=True)
class Lacking:
    """A feature that streams of the source may need and the target can't take.

    Attributes:
        name: of the feature.
        what: what uses it.
        known: whether the target's OpenZFS knows it and has it only disabled.
    """

    name: str
    what: str
    known: bool


def parse_features(text: str) -> dict[str, Feature]:
    """By name, what `zpool get -H -o property,value all POOL` says of features; other lines are left out."""
    found: dict[str, Feature] = {}
    for line in text.splitlines():
        name, _, value = line.partition("\t")
        if name.startswith(_PREFIX) and value in tuple(Feature):
            found[name.removeprefix(_PREFIX)] = Feature(value)
    return found


def lacking(source: Mapping[str, Feature], target: Mapping[str, Feature]) -> Iterator[Lacking]:
    """What is in use on the source's pool, may be in a stream, and is not enabled on the target's pool."""
    for name, what in NEEDED_BY_STREAMS.items():
        if source.get(name) is Feature.ACTIVE and target.get(name, Feature.DISABLED) is Feature.DISABLED:
            yield Lacking(name, what, name in target)
