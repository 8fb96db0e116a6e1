"""Changes to configuration files that people have written: text in, text out, not a character of theirs is lost.

YAML is read to find the place and to see afterwards that only what was meant has changed. It is not written anew: a
dumper, also one that keeps comments, moves some of them and lays out the rest in its own way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from zfspull.config.document import parse_document


class CannotEditError(ValueError):
    """The text is laid out in a way that can't be added to; says why."""


Scalar = str | int | bool
_PLAIN = re.compile(r"[A-Za-z0-9/][\w./-]*")
_INDENT = "  "


def add_host(text: str, name: str, settings: Mapping[str, Scalar]) -> str:
    """The main file `text` with one more host, the first in the list.

    Args:
        text: of zfspull.yaml; it may be empty.
        name: of the host; it must not be there.
        settings: its keys.

    Raises:
        CannotEditError: there is no place for it; add it by hand.
    """
    before = _data(text)
    hosts = before.get("hosts") or {}
    if not isinstance(hosts, dict):
        raise CannotEditError("`hosts` is no mapping")
    if name in hosts:
        raise CannotEditError(f"there is a host {name!r} already")
    after = _insert(text, name, settings)
    if _data(after) != {**before, "hosts": {name: dict(settings), **hosts}}:
        raise CannotEditError("the file is laid out in a way that is not understood here")
    return after


def scalar(value: Scalar) -> str:
    """A value as YAML, in quotes where it could be read as something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and parse_document("", f"x: {value}\n".encode()).data == {"x": value}
    return value if plain else json.dumps(value, ensure_ascii=False)


def host_entry(name: str, settings: Mapping[str, Scalar], indent: str = _INDENT) -> str:
    """A host as it stands below `hosts:`."""
    lines = [f"{indent}{name}:", *(f"{indent}{_INDENT}{key}: {scalar(value)}" for key, value in settings.items())]
    return "".join(f"{line}\n" for line in lines)


def _insert(text: str, name: str, settings: Mapping[str, Scalar]) -> str:
    root = _compose(text)
    if root is None:
        return f"{_ended(text)}hosts:\n{host_entry(name, settings)}"
    if not isinstance(root, MappingNode) or root.flow_style:
        raise CannotEditError("the file is one list or one {...}")
    pair = next(((key, value) for key, value in root.value if _is(key, "hosts")), None)
    if pair is None:
        return f"{_ended(text)}\nhosts:\n{host_entry(name, settings)}"
    key, value = pair
    lines = text.splitlines(keepends=True)
    if isinstance(value, MappingNode) and value.flow_style and not value.value:
        # `{}` alone: what stands below is easier to read and to add to.
        rest = text[value.end_mark.index :].lstrip(" ").removeprefix("\n")
        return f"{text[: value.start_mark.index].rstrip()}\n{host_entry(name, settings)}{rest}"
    if isinstance(value, MappingNode) and value.flow_style:
        inside = ", ".join(f"{key}: {scalar(one)}" for key, one in settings.items())
        at = value.start_mark.index + 1
        comma = ", " if value.value else ""
        return f"{text[:at]}{name}: {{{inside}}}{comma}{text[at:]}"
    indent = " " * value.value[0][0].start_mark.column if isinstance(value, MappingNode) else _INDENT
    line = key.start_mark.line + 1
    return "".join([*lines[: line - 1], _ended(lines[line - 1]), host_entry(name, settings, indent), *lines[line:]])


def _is(node: Node, name: str) -> bool:
    return isinstance(node, ScalarNode) and node.value == name


def _data(text: str) -> dict[str, object]:
    if not text.strip() or _compose(text) is None:
        return {}
    document = parse_document("", text.encode())
    if document.problems or not isinstance(document.data, dict):
        raise CannotEditError("; ".join(problem.message for problem in document.problems) or "it is no mapping")
    return document.data


def _compose(text: str) -> Node | None:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(StringIO(text))
    except YAMLError as error:
        raise CannotEditError(f"it is no YAML: {error}") from error
    return node


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
