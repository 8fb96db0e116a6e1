"""Foreign text made fit to be shown: names, messages and stderr come from machines that may be hostile."""

from __future__ import annotations


MAX_CHARS = 4000
_SPECIAL = '\\"'


def clip(text: str, limit: int = MAX_CHARS) -> str:
    """At most `limit` characters of `text`, saying how many more there were."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def escape(text: str) -> str:
    r"""`text` on one line, inert and unambiguous.

    What a terminal would act on, and what is invisible or reorders text (control, format and bidirectional
    characters, lone surrogates), shows as `\x1b`, `\u202e` and the like; quotes and backslashes are escaped too, so
    that the value of one field can't pass for another field.
    """
    return "".join(char if char.isprintable() and char not in _SPECIAL else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return '\\"' if char == '"' else char.encode("unicode_escape").decode("ascii")
