"""What all tests share: the fixtures of the lab, and how hypothesis runs."""

from hypothesis import settings


pytest_plugins = ["tests.lab.fixtures"]

settings.register_profile("zfspull", deadline=None)  # a busy machine is no failure
settings.load_profile("zfspull")
