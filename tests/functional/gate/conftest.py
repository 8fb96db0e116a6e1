"""The gate, once in each shell that is installed; a machine without any fails."""

from __future__ import annotations

import pytest

from tests.functional.gate.gated import FOUND, SHELLS, Gate
from tests.functional.hosts.fixtures import _nothing_left_behind, ssh_host


__all__ = ["_nothing_left_behind", "gate", "ssh_host"]


@pytest.fixture(params=FOUND or SHELLS)
def gate(request, tmp_path):
    return Gate(tmp_path, request.param)
