"""Whether an interrupted receive can go on, judged by its token and a fresh listing of both sides.

A token comes from the target's pool and names what the sender would open; it is checked before it is used (openzfs
#14153), so that no token can make the source send another dataset, or an encrypted one in plain.
"""

from __future__ import annotations

from dataclasses import dataclass

from zfspull.zfs.model import Dataset, Point, Snapshot
from zfspull.zfs.token import TokenError, decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """The stream that the token continues.

    Attributes:
        to: the snapshot on the source that it brings.
        base: what it started from, None for a full stream.
    """

    to: Snapshot
    base: Point | None


def judge_token(text: str, source: Dataset, target: Dataset) -> Resumable | str:
    """What the token `text` of `target` continues, or why it can't be used, in words for a person."""
    try:
        token = decode(text)
    except TokenError as error:
        return f"its resume token can't be read: {error}"
    dataset = token.to_name.partition("@")[0]
    to = next((snapshot for snapshot in source.snapshots if snapshot.guid == token.to_guid), None)
    if dataset != source.name:
        return f"its resume token is for {dataset}, not for {source.name}"
    if to is None:
        return f"the snapshot it was receiving ({token.to_name}, guid {token.to_guid}) is gone from the source"
    base = next((point for point in source.points if point.guid == token.from_guid), None)
    newest = target.newest
    flaws = (
        (
            token.from_guid is not None and base is None,
            f"the base of the interrupted increment (guid {token.from_guid}) is gone from the source",
        ),
        (
            token.from_guid is not None and (newest is None or newest.guid != token.from_guid),
            "the target's newest snapshot is no longer the base of the interrupted increment",
        ),
        (token.from_guid is None and newest is not None, "the target has snapshots, but the token is of a full stream"),
        (token.raw != source.encrypted, f"it was {'raw' if token.raw else 'not raw'}, and the source has changed"),
    )
    return next((reason for wrong, reason in flaws if wrong), None) or Resumable(to=to, base=base)
