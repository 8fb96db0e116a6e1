"""Foreign text made fit to be shown: names, messages and stderr come from machines that may be hostile."""

from __future__ import annotations


MAX_CHARS = 4000
_SPECIAL = '\\"'


def clip(text: str, limit: int = MAX_CHARS) -> str:
    """At most `limit` characters of `text`, saying how many more there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def safe(text: str) -> str:
    r"""`text` on one line and inert: whatever moves, hides or reorders text on a terminal shows as an escape.

    Control characters, line ends, invisible and bidirectional format characters and lone surrogates become `\x1b`,
    `\u202e` and the like.
    """
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def escape(text: str) -> str:
    """Like `safe`, and unambiguous: quotes and backslashes too, so that no value passes for another field."""
    return "".join(char if char.isprintable() and char not in _SPECIAL else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return '\\"' if char == '"' else char.encode("unicode_escape").decode("ascii")
