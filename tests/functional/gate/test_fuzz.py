"""The gate against a client that tries anything: what runs is always on the list."""

from __future__ import annotations

import logging
import os

import pytest

from tests.functional.gate.checker import is_listed, may_follow
from tests.functional.gate.gated import FOUND, Gate
from tests.functional.gate.hostile import Hostile


log = logging.getLogger(__name__)

ROOTS = ("tank/data", "tank/with space")
GRANTS = ("", "hold,bookmark", "snapshot,hold,bookmark,prune")
LINES = int(os.environ.get("ZFSPULL_GATE_LINES", "1500"))
"""How many, over all shells; ZFSPULL_GATE_LINES and ZFSPULL_GATE_SEED ask for more, and for others."""
SEED = int(os.environ.get("ZFSPULL_GATE_SEED", "1"))
_ANSWER = (
    "resume token contents:\nnvlist version: 0\n\tobject = 0x2\n\toffset = 0x0\n\tbytes = 0x1\n\ttoguid = 0x1\n"
    "\ttoname = tank/data@x\n\trawok = 1\nfull\ttank/data@x\t624\nsize\t624\n"
)


@pytest.mark.slow
@pytest.mark.timeout(LINES)
@pytest.mark.parametrize("shell", FOUND)
def test_what_runs_is_on_the_list(shell, tmp_path):
    """Whatever a client asks for, the gate runs a command of the list or none, and nothing besides."""
    gate = Gate(tmp_path, shell)
    gate.answer(_ANSWER)
    hostile = Hostile(SEED + 1000 * list(FOUND).index(shell))
    passed = 0
    for number in range(LINES // len(FOUND)):
        line, allowed = hostile.line(), GRANTS[number % len(GRANTS)]
        outcome = gate.run(line, *(("--allow", allowed) if allowed else ()), *ROOTS)

        assert all(is_listed(ran, ROOTS, allowed) for ran in outcome.ran), (line, outcome)
        assert may_follow(outcome.ran), (line, outcome)
        assert (outcome.status == 0) == (outcome.ran != []), (line, outcome)
        assert outcome.status in {0, 126}, (line, outcome)
        if outcome.status:
            assert outcome.said.startswith("zfspull-gate: refused: "), (line, outcome)
            assert outcome.said.rstrip("\n").isprintable(), (line, outcome)
        passed += outcome.status == 0
    assert not list(gate.home.iterdir())
    assert 0 < passed < LINES / len(FOUND)  # neither is all refused, nor does all go through
    log.info("%s: %d of %d lines went through", shell, passed, LINES // len(FOUND))
