# ruff: noqa: T201 - a soak prints what it does
"""The soak: `scripts/soak`. Random faults over a changing tree until the time is up, all of it drawn from one seed.

A round changes the source, waits for the daemon to be at work on it, strikes once or twice, and waits until both sides
are equal again with nobody's help. What a seed repeats are the choices; when a fault hits is up to the machines.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.arena import TARGET, Arena
from tests.faults.mishaps import FAULTS, Fault
from tests.lab.host import LabError
from tests.lab.lab import Lab
from tests.lab.site import Site
from tests.lab.soak_tree import Tree


KEEP_LAST = 8
JOB = f"keep: {{last: {KEEP_LAST}}}\nmax_destroy: 100%\nresolve: {{renamed: rename}}\n"
RATES_MBIT = (8, 12, 16)
PAUSE_SECONDS = (0.3, 5.0)
STRIKES = (1, 1, 2)
BUDGET = 1.15
CONVERGE_SECONDS = 300.0


def main() -> int:
    """Soak; 0 if no promise was broken."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to begin new rounds (default: 5)")
    parser.add_argument("--seed", type=int, default=None, help="repeats an earlier soak's choices (default: a new one)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="(%(message)s)", stream=sys.stderr)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}, {options.minutes:g} minutes", flush=True)
    with Lab() as lab:
        lab.machine("source")
        lab.machine("backup")
        lab.boot()
        site = Site(lab.machines["source"], lab.machines["backup"])
        site.install()
        soak = Soak(Arena(site, job=JOB, keeps=KEEP_LAST), random.Random(seed))
        soak.run(options.minutes * 60)
        return soak.conclude(seed)


@dataclass
class Books:
    """What is added up.

    Attributes:
        struck: how often each kind of fault hit.
        missed: how often one came too late, for the transfer had ended.
        rounds: how often both sides were equal again.
        recovery_seconds: how long that took after the last fault, per round.
        needed_bytes: the size of one stream per snapshot that arrived, made once more from the target.
        violations: what was promised and not kept.
    """

    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    recovery_seconds: list[float] = field(default_factory=list)
    needed_bytes: int = 0
    violations: list[str] = field(default_factory=list)


class Soak:
    """The rounds.

    Args:
        arena: freshly made, nothing built.
        rng: makes all choices.
    """

    def __init__(self, arena: Arena, rng: random.Random) -> None:
        self._arena = arena
        self._rng = rng
        self._books = Books()
        self._tree = Tree(rng)
        self._weighed: set[str] = set()

    def run(self, seconds: float) -> None:
        """Begin rounds until the time is up or a promise is broken."""
        arena = self._arena
        arena.build()
        arena.run()
        try:
            self._settle("at the start")
            end = time.monotonic() + seconds
            while time.monotonic() < end and not self._books.violations:
                self._round()
        except (LabError, AssertionError) as error:
            self._books.violations.append(f"the soak could not go on: {error}")

    def conclude(self, seed: int) -> int:
        """Print the figures; returns the exit status."""
        books, arena = self._books, self._arena
        sent = arena.witness.received_bytes
        ratio = sent / books.needed_bytes if books.needed_bytes else float("nan")
        runs = arena.history_outcomes()
        arena.witness.stop()
        print(f"\nseed {seed}: {books.rounds} rounds, {sum(books.struck.values())} faults")
        for kind in [fault.kind for fault in FAULTS]:
            late = f" (and {books.missed[kind]} too late to matter)" if books.missed[kind] else ""
            print(f"   {books.struck[kind]:4} {kind}{late}")
        recoveries = sorted(books.recovery_seconds) or [0.0]
        print(f"runs: {', '.join(f'{count} {outcome}' for outcome, count in sorted(runs.items()))}")
        print(f"successes held against the pool: {arena.witness.successes}")
        print(
            f"recoveries: {len(books.recovery_seconds)}, median {recoveries[len(recoveries) // 2]:.0f} s, longest {recoveries[-1]:.0f} s"
        )
        print(f"bytes needed {books.needed_bytes}, bytes sent {sent:.0f}, ratio {ratio:.3f}")
        violations = [*books.violations, *arena.witness.violations]
        if ratio > BUDGET:
            violations.append(f"more than {BUDGET} times the bytes needed were sent")
        print(f"promises broken: {len(violations)}")
        for violation in violations:
            print(f"   {violation}")
        return 1 if violations else 0

    def _round(self) -> None:
        arena, rng = self._arena, self._rng
        strikes = rng.choices(FAULTS, weights=[fault.weight for fault in FAULTS], k=rng.choice(STRIKES))
        rate = rng.choice(RATES_MBIT)
        share, pauses = rng.uniform(0.05, 0.7), [rng.uniform(*PAUSE_SECONDS) for _ in strikes]
        changes = self._tree.changes()
        arena.source.shape_link(f"rate {rate}mbit")
        arena.begin(changes.written_bytes)
        arena.change(changes.script)
        try:
            arena.wait_received(int(share * changes.written_bytes), timeout_seconds=180)
        except AssertionError:
            self._books.violations.append("nothing was received for three minutes, without any fault")
            return
        for fault, pause in zip(strikes, pauses, strict=True):
            self._strike(fault)
            time.sleep(pause)
        self._settle(" + ".join(fault.kind for fault in strikes))

    def _strike(self, fault: Fault) -> None:
        try:
            fault.strike(self._arena)
        except AssertionError:  # such as: the quota was not hit, for nothing more was to come
            self._books.missed[fault.kind] += 1
        else:
            self._books.struck[fault.kind] += 1

    def _settle(self, what: str) -> None:
        """Wait until both sides are equal again, and weigh what has come."""
        try:
            figures = self._arena.converge(timeout_seconds=CONVERGE_SECONDS)
        except AssertionError as error:
            self._books.violations.append(f"{what}: {str(error) or 'an assertion without words'}")
            return
        self._books.rounds += 1
        self._books.recovery_seconds.append(figures.seconds)
        self._books.needed_bytes += self._weigh()
        print(f"{time.strftime('%H:%M:%S')} {what}: {figures}", flush=True)

    def _weigh(self) -> int:
        """The bytes of one stream for each snapshot that is new on the target since the last time."""
        text = self._arena.backup.run(f"zfs list -Hp -t snapshot -o name,guid -s createtxg -r {TARGET}").stdout
        before: dict[str, str] = {}
        commands = []
        for full, guid in (line.split("\t") for line in text.splitlines()):
            dataset = full.partition("@")[0]
            if guid not in self._weighed:
                base = f"-i {before[dataset]} " if dataset in before else ""
                commands.append(f"zfs send -w {base}{full}")
            before[dataset] = full
            self._weighed.add(guid)
        if not commands:
            return 0
        return int(self._arena.backup.run(f"({'; '.join(commands)}) | wc -c", timeout_seconds=600).stdout)


if __name__ == "__main__":
    sys.exit(main())
