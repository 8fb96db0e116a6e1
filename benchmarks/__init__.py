"""Measured side by side with what one would use instead: `scripts/bench`. A case is a module of `cases/`."""
