"""Faults: one package, so that its stage is left to others once only (`conftest.py`)."""
