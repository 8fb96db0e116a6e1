"""A thousand jobs: the files read and checked, the timetable set, the daemon up, and all of it read again."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.rounds import Figures, in_turn
from benchmarks.rows import LIMIT, Row
from benchmarks.settings import Outcome, Settings


_JOBS = 1000
_MOST_SECONDS = 3.0
_MAIN = """
http: {listen: "127.0.0.1:0"}
hosts:
  gw: {address: 127.0.0.1, port: 1, user: zfspull}
"""
_JOB = """
source: gw:tank/home%(number)04d
target: backup/gw/home%(number)04d
recursive: true
schedule: "%(minute)d %(hour)d * * *"
snapshots: {take: true}
keep: {last: 3, hourly: 48, daily: 30, weekly: 8, monthly: 12}
"""
_PARTS = """
import asyncio, json, sys, time
from pathlib import Path
import zfspull.daemon.serve
from zfspull.clock import SystemClock
from zfspull.config.load import load_config
from zfspull.daemon.schedule import Firings, Scheduler

async def main():
    began = time.process_time()
    config = load_config(Path(sys.argv[1]))
    loaded = time.process_time()
    timetable = Scheduler(lambda job: None, SystemClock())
    timetable.start()
    timetable.set(
        Firings(job=name, schedule=job.schedule, zone=job.zone, jitter_seconds=job.jitter_seconds)
        for name, job in config.jobs.items()
    )
    next_runs = [timetable.next_run(name) for name in config.jobs]
    scheduled = time.process_time()
    timetable.stop()
    again = load_config(Path(sys.argv[1]))
    assert len(next_runs) == len(again.jobs) == int(sys.argv[2]) and all(next_runs)
    reloaded = time.process_time()
    spent = {"load": loaded - began, "schedule": scheduled - loaded, "reload": reloaded - scheduled}
    print(json.dumps({"start": scheduled, **spent}))

asyncio.run(main())
"""


def run(settings: Settings) -> Outcome:
    """Measure; processor seconds, for nothing waits here."""
    jobs = max(1, int(_JOBS * settings.scale))
    directory = settings.directory / "jobs.d"
    directory.mkdir()
    main = settings.directory / "zfspull.yaml"
    main.write_text(_MAIN)
    for number in range(jobs):
        told = {"number": number, "minute": number % 60, "hour": number % 24}
        (directory / f"home{number:04}.yaml").write_text(_JOB % told)

    def parts() -> Figures:
        words = [sys.executable, "-c", _PARTS, str(main), str(jobs)]
        figures: dict[str, float] = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        return figures

    found = in_turn({"parts": parts}, rounds=settings.rounds)["parts"]
    words_of = {"start": "start, from nothing to scheduled", "load": "of that, load", "schedule": "of that, schedule"}
    return Outcome(
        tuple(
            _limited(
                f"{jobs:,} jobs: {words_of.get(part, part)}", seconds, None if part in ("load", "schedule") else 1.0
            )
            for part, seconds in found.items()
        )
    )


def _limited(what: str, seconds: float, target: float | None) -> Row:
    return Row(
        case="jobs", what=what, unit="s", better="lower", ours=seconds, peer=LIMIT, theirs=_MOST_SECONDS, target=target
    )
