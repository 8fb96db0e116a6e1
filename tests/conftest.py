"""What all tests share: the fixtures of the lab, and how hypothesis runs."""

import signal

from hypothesis import settings


pytest_plugins = ["tests.lab.fixtures"]

settings.register_profile("zfspull", deadline=None)  # a busy machine is no failure
settings.load_profile("zfspull")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background so, and every process of a test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
