"""The project's documents, taken apart for the tests that compare them with the code."""

from __future__ import annotations

import re
from pathlib import Path


ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def name_of(document: Path) -> str:
    """Its path in the repository."""
    return str(document.relative_to(ROOT))


def fences(text: str, language: str) -> list[str]:
    """The fenced blocks in that language, without their indent."""
    found = []
    for indent, kind, body in _FENCE.findall(text):
        if kind == language:
            found.append(re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
    return found


def prose(text: str) -> str:
    """The text without fenced and indented blocks."""
    return re.sub(r"^ {4}\S.*$", "", _FENCE.sub("", text), flags=re.MULTILINE)


def code_words(text: str) -> list[str]:
    """What stands in backticks within the prose; it may go over the end of a line."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text))]


def anchors(text: str) -> set[str]:
    """What links can lead to within a document: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sections(text: str, level: int) -> dict[str, str]:
    """The text below each heading of that level, up to the next heading of any level above it or the same."""
    parts = re.split(rf"^(#{{1,{level}}} .+)$", text, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    mark = "#" * level + " "
    return {heading.removeprefix(mark): body for heading, body in pairs if heading.startswith(mark)}


def rows(text: str) -> list[list[str]]:
    """The cells of all rows of tables, without heads and rules."""
    found: list[list[str]] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and set("".join(cells)) <= set("-: "):
            found.pop()  # what came before was the head
        elif cells:
            found.append(cells)
    return found
