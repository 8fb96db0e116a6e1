"""The last look before a stream is sent without `-w`."""

from __future__ import annotations

from zfspull.errors import TransientError
from zfspull.hosts.ports import Listings
from zfspull.plan.steps import Step


async def see_plain(step: Step, listings: Listings, *, host: str) -> None:
    """See that what `step` sends is not encrypted, if it does so without `-w`: it would be plaintext (P7).

    Args:
        step: as planned from a listing that may be hours old.
        listings: of the source.
        host: its name.

    Raises:
        TransientError: it is encrypted now, or gone.
        ZfspullError: it can't be listed.
    """
    if step.embedded:
        return
    dataset = (await listings.datasets(step.source, recursive=False)).datasets.get("")
    if dataset is None or dataset.encrypted:
        raise TransientError(
            f"{step.source} is {'gone' if dataset is None else 'encrypted'} now; it was plain when it was listed, "
            "and nothing of it was sent",
            hint="the next attempt plans again",
            host=host,
            dataset=step.target,
            reason="source_changed",
        )
