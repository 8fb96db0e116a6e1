"""Whether a replica gets anywhere over the attempts of one run: what ends a run that only sends the same again."""

from __future__ import annotations

from zfspull.zfs.model import Dataset
from zfspull.zfs.token import TokenError, decode


class Progress:
    """What the looks at one target dataset have shown, one after the other.

    Progress is a newer snapshot, or an interrupted receive that got further than any of the same snapshot before it. To
    have thrown such a one away is none, nor is what was sent anew since, until it gets beyond that.
    """

    def __init__(self) -> None:
        self._looked = False
        self._newest_txg = -1
        self._farthest: dict[int, tuple[int, int]] = {}
        self._discarded = False

    def look(self, target: Dataset | None) -> bool:
        """Whether it has got further than at all looks before; the first one is what others are compared with."""
        first, self._looked = not self._looked, True
        newest_txg = target.newest.createtxg if target and target.newest else -1
        grown = newest_txg > self._newest_txg
        self._newest_txg = max(newest_txg, self._newest_txg)
        further = self._note_token(target.resume_token if target else None)
        if grown and not first:
            self.arrived()
        return (grown or further) and not first

    def discards_in_vain(self) -> bool:
        """Whether partial state is to be thrown away a second time, and nothing has arrived since the first."""
        again, self._discarded = self._discarded, True
        return again

    def arrived(self) -> None:
        """Something whole has arrived."""
        self._discarded = False

    def _note_token(self, text: str | None) -> bool:
        try:
            token = decode(text) if text else None
        except TokenError:
            token = None
        if token is None:
            return False
        position = token.object, token.offset
        before = self._farthest.get(token.to_guid)
        # The beginning of another snapshot is none of this one's: a source that takes its snapshots away as fast as
        # they are sent would be pulled from for ever.
        further = not self._farthest if before is None else position > before
        self._farthest[token.to_guid] = max(position, before or position)
        return further
