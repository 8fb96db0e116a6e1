"""The doubles that the command line's tests share with the daemon's."""

from tests.doubles.daemon import clock, make_config, make_generation, recorder, work


__all__ = ["clock", "make_config", "make_generation", "recorder", "work"]
