"""Markdown, as far as the reference uses it, as the source of a man page: man(7) macros."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby


_SPAN = re.compile(
    r"`(?P<code>[^`]+)`|\[(?P<link>[^\]]*(?:\[[^\]]*\][^\]]*)*)\]\([^)]*\)|\*\*(?P<bold>[^*]+)\*\*|(?<!\w)\*(?P<slant>[^*\s][^*]*)\*"
)
_FENCE = "```"


def escape(text: str) -> str:
    """Plain text such that troff prints it as it is, hyphens as what can be copied into a shell."""
    return (
        text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
        .replace("^", "\\(ha")
        .replace("~", "\\(ti")
        .replace("`", "\\(ga")
    )


def line(text: str) -> str:
    """A line of troff that no first character turns into a request."""
    return f"\\&{text}" if text.startswith((".", "'")) else text


def inline(text: str) -> str:
    """A sentence with its code in bold, emphasis, and links reduced to their text."""
    done, at = "", 0
    for found in _SPAN.finditer(text):
        done += _prose(text[at : found.start()])
        at = found.end()
        if found["code"] is not None:
            done += f"\\fB{escape(found['code'])}\\fP"
        elif found["link"] is not None:
            done += inline(found["link"])
        elif found["bold"] is not None:
            done += f"\\fB{escape(found['bold'])}\\fP"
        else:
            done += f"\\fI{escape(found['slant'])}\\fP"
    return done + _prose(text[at:])


def heading(level: int, text: str) -> str:
    """A section (level 1) or a part of one."""
    return f".SH {inline(text).upper()}" if level == 1 else f".SS {inline(text)}"


def tagged(tag: str, body: str) -> list[str]:
    """A paragraph below its tag."""
    return [".TP", line(tag), line(body)]


def verbatim(lines: Sequence[str]) -> list[str]:
    """Lines as they are, indented."""
    return [".PP", ".RS 4", ".nf", *(line(escape(text)) for text in lines), ".fi", ".RE"]


def convert(markdown: str, *, top: int = 2) -> list[str]:
    """A document's text as lines of troff.

    Args:
        markdown: headings, paragraphs, lists of one level, tables with a head, fenced and indented blocks.
        top: the level of those headings that become sections; deeper ones become parts.
    """
    made: list[str] = []
    for block in _blocks(markdown.splitlines()):
        made += _convert(block, top)
    return made


def _convert(block: list[str], top: int) -> list[str]:
    first = block[0]
    if found := re.match(r"(#+) (.*)", first):
        return [heading(1 if len(found[1]) <= top else 2, found[2])]
    if first.startswith(_FENCE):
        return verbatim(block[1:-1])
    if first.startswith("    "):
        return verbatim([text.removeprefix("    ") for text in block])
    if first.startswith("|"):
        return _table(block)
    if first.startswith("- "):
        return _list(block)
    return [".PP", line(inline(" ".join(text.strip() for text in block)))]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each block: a fence with its marks, a heading, or what stands together between empty lines."""
    fenced = False
    marked = []
    number = 0
    for text in lines:
        mark = text.startswith(_FENCE)
        if mark and not fenced:
            number += 1
        inside = fenced or mark
        if not inside and (not text.strip() or text.startswith("#")):
            number += 1
        marked.append((number, text))
        if not inside and text.startswith("#"):
            number += 1
        if mark:
            fenced = not fenced
            number += not fenced
    for _, group in groupby(marked, key=lambda pair: pair[0]):
        texts = [text for _, text in group]
        block = texts if texts[0].startswith(_FENCE) else [text for text in texts if text.strip()]
        if block:
            yield block


def _list(block: list[str]) -> list[str]:
    items: list[list[str]] = []
    for text in block:
        if text.startswith("- "):
            items.append([text.removeprefix("- ")])
        else:
            items[-1].append(text.strip())
    return [made for item in items for made in (".IP \\(bu 2", line(inline(" ".join(item))))]


def _table(block: list[str]) -> list[str]:
    head, _, *rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", text)[1:-1]] for text in block]
    # "key" needs no saying; "key of a dataset" does.
    told = [".PP", line(inline(f"{head[0][:1].upper()}{head[0][1:]}:"))] if " " in head[0] else []
    return told + [made for cells in rows for made in tagged(_tag(cells[0]), _body(head[1:], cells[1:]))]


def _tag(cell: str) -> str:
    return inline(cell.replace("\\|", "|"))


def _body(head: list[str], cells: list[str]) -> str:
    """The last cell, and before it what the others say of it: "Default: x." or "Required."."""
    said = [cell.replace("\\|", "|") for cell in cells]
    parts = []
    for name, cell in zip(head[:-1], said[:-1], strict=True):
        if cell == "required":
            parts.append("Required.")
        elif cell and cell != "see there":
            parts.append(f"{name[:1].upper()}{name[1:]}: {cell}.")
    last = said[-1]
    return inline(" ".join([*parts, f"{last[:1].upper()}{last[1:]}" if parts else last]).strip())


def _prose(text: str) -> str:
    """Text of a sentence: a backslash before punctuation is Markdown's and means that character."""
    return escape(re.sub(r"\\([^\w\s])", r"\1", text))
