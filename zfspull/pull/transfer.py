"""One step: `zfs send` there, `zfs recv` here, both watched, and what arrived checked by its guid."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NoReturn

from zfspull.errors import PermanentError, TransientError, ZfspullError
from zfspull.events import Noticed, TransferFailed, TransferFinished, TransferProgress, TransferStarted
from zfspull.hosts.failures import LINK, transfer_failure
from zfspull.hosts.ports import Ended, Receiving
from zfspull.hosts.tap import Tap
from zfspull.plan.steps import Step
from zfspull.pull.context import Context
from zfspull.pull.tally import Tally
from zfspull.zfs.texts import Side, Verdict


_PULSE_SECONDS = 1.0
_LAST_WORDS_SECONDS = 2.0
"""How long the sender may take to say why, when the receiver has failed before it."""
_CUT_OFF = Ended(-signal.SIGPIPE, "")
"""The end of a sender whose receiver is gone."""


class DiscardNeededError(TransientError):
    """The partial state on the target can't be resumed; to be thrown away after a fresh listing."""


@dataclass(slots=True)
class _Meter:
    """What is known of a stream under way: `expected_bytes` is told by the sender, `side` is where it would fail."""

    tap: Tap
    started_at: float
    expected_bytes: int | None = None
    side: str = LINK

    def expect(self, size_bytes: int) -> None:
        self.expected_bytes = size_bytes


async def transfer(
    step: Step, context: Context, tally: Tally, *, place: AbstractAsyncContextManager[None] | None = None
) -> None:
    """Carry out one step and verify it.

    Args:
        step: what is to be sent.
        context: the surroundings.
        tally: the run's books.
        place: entered for as long as the stream flows, and left before what arrived is verified.

    Raises:
        DiscardNeededError: the partial state on the target is of no use.
        ZfspullError: any other failure; the partial state stays and is resumed by a later plan.
    """
    meter: _Meter | None = None
    try:
        async with place or nullcontext():
            tally.emit(
                TransferStarted,
                dataset=step.target,
                kind=step.kind.value,
                base=step.base.mark if step.base else "",
                to=step.to.mark,
                expected_bytes=None,
            )
            async with context.target.receive(step.target, step) as receiving:
                meter = _Meter(Tap(receiving.sink, context.clock), context.clock.monotonic())
                ends = await _watched(step, meter, receiving, context, tally)
                meter.side = Side.TARGET.value
        await _verify(step, meter, ends, context, tally)
    except ZfspullError as error:
        error.dataset = error.dataset or step.target
        _book(step, meter, tally)
        tally.emit(
            TransferFailed,
            dataset=step.target,
            kind=step.kind.value,
            to=step.to.mark,
            moved_bytes=meter.tap.moved_bytes if meter else 0,
            side=meter.side if meter else Side.TARGET.value,
            reason=error.reason,
            message=str(error),
        )
        raise
    except asyncio.CancelledError:
        _book(step, meter, tally)
        raise
    _book(step, meter, tally)
    tally.arrive(step)
    tally.emit(
        TransferFinished,
        dataset=step.target,
        kind=step.kind.value,
        to=step.to.mark,
        moved_bytes=meter.tap.moved_bytes,
        seconds=context.clock.monotonic() - meter.started_at,
    )


def _book(step: Step, meter: _Meter | None, tally: Tally) -> None:
    tally.receive(step.target, meter.tap.moved_bytes if meter else 0)


async def _flow(step: Step, meter: _Meter, receiving: Receiving, context: Context) -> tuple[Ended, Ended]:
    """Let the stream flow until both ends have ended, whichever ends first."""
    sending = asyncio.create_task(context.source.send(step, meter.tap, meter.expect))
    ending = asyncio.create_task(receiving.ended())
    try:
        await asyncio.wait({sending, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            # A receiver that is content has all of it, and a busy sender may take its time to end. The watchdog ends
            # one that is silent; this ends one that goes on sending to nobody.
            content = (await ending).ok
            patience_seconds = context.stall_timeout_seconds if content else _LAST_WORDS_SECONDS
            await asyncio.wait({sending}, timeout=patience_seconds)
        sent = await sending if sending.done() else _CUT_OFF
        meter.tap.complete = True
        return sent, await receiving.finish()
    finally:
        await _cancelled(sending, ending)


async def _watch(step: Step, meter: _Meter, context: Context, tally: Tally) -> NoReturn:
    """Tell of progress while the stream flows.

    Raises:
        TransientError: as soon as nothing has moved for too long.
    """
    while True:
        seen = meter.tap.moved_bytes
        await context.clock.sleep(_PULSE_SECONDS)
        tally.emit(
            TransferProgress,
            dataset=step.target,
            moved_bytes=meter.tap.moved_bytes,
            expected_bytes=meter.expected_bytes,
            bytes_per_second=(meter.tap.moved_bytes - seen) / _PULSE_SECONDS,
        )
        if meter.tap.idle_seconds() > context.stall_timeout_seconds:
            raise _stall(step, meter, context)


async def _watched(
    step: Step, meter: _Meter, receiving: Receiving, context: Context, tally: Tally
) -> tuple[Ended, Ended]:
    """Let the stream flow under watch; it is ended when nothing has moved for too long."""
    flowing = asyncio.create_task(_flow(step, meter, receiving, context))
    watching = asyncio.create_task(_watch(step, meter, context, tally))
    try:
        await asyncio.wait({flowing, watching}, return_when=asyncio.FIRST_COMPLETED)
        return await (flowing if flowing.done() else watching)
    finally:
        await _cancelled(flowing, watching)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stall(step: Step, meter: _Meter, context: Context) -> TransientError:
    side = meter.tap.waiting_for
    meter.side = side.value
    blame = "the local `zfs receive` took" if side is Side.TARGET else f"host {context.source.host} sent"
    return TransientError(
        f"stalled: {blame} nothing for {context.stall_timeout_seconds:.0f} s,"
        f" after {meter.tap.moved_bytes} bytes of {step}",
        hint="see `zpool status` on that side, and the way between; the job's host has `stall_timeout`",
        host=context.source.host,
        dataset=step.target,
        reason=f"stalled_{side}",
    )


async def _verify(step: Step, meter: _Meter, ends: tuple[Ended, Ended], context: Context, tally: Tally) -> None:
    """Success is both exit statuses and the guid on the target; a replica that could not be mounted has arrived."""
    sent, received = ends
    if not (sent.ok and received.ok):
        blame = transfer_failure(sent, received, host=context.source.host, dataset=step.target)
        error, row, meter.side = blame.error, blame.row, blame.where
        if row is not None and row.verdict is Verdict.DISCARD:
            raise DiscardNeededError(error.message, hint=error.hint, host=error.host, reason=error.reason) from error
        if row is None or row.verdict is not Verdict.VERIFY or not sent.ok:
            raise error
        tally.emit(Noticed, reason=row.reason, message=str(error), dataset=step.target)
    arrived = await context.target.look(step.target, step.to.name)
    if arrived.guid != step.to.guid:
        found = "not there" if arrived.guid is None else f"there with another guid ({arrived.guid})"
        raise TransientError(
            f"both ends ended well, but {step.target}{step.to.mark} (guid {step.to.guid}) is {found}",
            dataset=step.target,
            reason="not_arrived",
        )
    if step.raw and step.to.ivsetguid is not None and arrived.ivsetguid != step.to.ivsetguid:
        raise PermanentError(
            f"{step.target}{step.to.mark} arrived with ivsetguid {arrived.ivsetguid} instead of {step.to.ivsetguid}",
            hint="the next raw increment could not be received; was it received raw?",
            dataset=step.target,
            reason="raw_lineage_broken",
        )
