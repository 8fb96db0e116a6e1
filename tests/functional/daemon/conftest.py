"""The doubles that the daemon's tests share."""

from tests.doubles.daemon import clock, make_config, make_generation, new_run_id, recorder, work


__all__ = ["clock", "make_config", "make_generation", "new_run_id", "recorder", "work"]
