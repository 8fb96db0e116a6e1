"""A YAML file as plain data that remembers where everything stood.

YAML 1.2 (`yes` is text, `017` is 17) by ruamel.yaml's composer. Its constructor is left out: this one reports *all*
duplicate keys rather than the first, builds nothing but plain values, and bounds what aliases can unfold to. What the
data mean is the business of `schema`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from zfspull.errors import Problem


MAX_FILE_BYTES = 1 << 20
MAX_VALUES = 20_000
"""More values than any sane file has, after aliases were unfolded."""

Where = tuple[str | int, ...]
"""Where a value lies in its file: keys of mappings and indexes of lists, from the top."""

_TAG = "tag:yaml.org,2002:"
_WHOLE_FILE = "file"
_HINTS = (
    ("found character '@'", 'put quotes around it, as in schedule: "@hourly"'),
    ("found undefined alias", 'a value that begins with * needs quotes, as in schedule: "*/15 * * * *"'),
    ("found character '\\t'", "YAML is indented with spaces, not tabs"),
    ("found character", "put quotes around it"),
    ("mapping values are not allowed here", "is a quote missing around a value with a colon, or an indent wrong?"),
    ("but found another document", "one file holds one document: remove the line with ---"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    Attributes:
        file: its path, as it is shown to people.
        data: mappings, lists, str, int, float, bool and None; None also for a file that could not be read.
        problems: what is wrong with the file as YAML.
    """

    file: str
    data: object = None
    problems: tuple[Problem, ...] = ()
    marks: Mapping[Where, tuple[int, int]] = field(default_factory=dict, repr=False)

    def position(self, path: Where) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path` or of the nearest that there is above it."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, (0, 0))

    def problem(self, path: Where, message: str) -> Problem:
        """A mistake at `path`."""
        line, column = self.position(path)
        return Problem(self.file, line, column, _dotted(path), message)

    def place(self, path: Where) -> str:
        """`file:line` of the value at `path`, to be named in another one's problem."""
        return f"{self.file}:{self.position(path)[0]}"


def read_document(file: Path) -> Document:
    """Read `file`; whatever is wrong with it ends up in `problems`, nothing is raised."""
    name = str(file)
    try:
        # A pipe or a device in the place of a file could block for ever or never end.
        if file.exists() and not file.is_file():
            return _unreadable(name, "is no regular file")
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return _unreadable(name, "there is no such file")
    except (OSError, ValueError) as error:
        return _unreadable(name, f"can't be read: {getattr(error, 'strerror', None) or error}")
    if len(content) > MAX_FILE_BYTES:
        return _unreadable(name, f"is larger than {MAX_FILE_BYTES >> 20} MiB; this can be no configuration")
    return parse_document(name, content)


def parse_document(file: str, content: bytes) -> Document:
    """Parse the `content` of `file`; whatever is wrong with it ends up in `problems`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problem = Problem(file, line, column, _WHOLE_FILE, f"is not UTF-8: byte 0x{content[error.start]:02x}")
        return Document(file, problems=(problem,))
    root = _compose(file, text)
    if not isinstance(root, Node):
        return root or _unreadable(file, "is empty")
    builder = _Builder(file)
    try:
        data = builder.value(root, (), ())
    except RecursionError:
        return _unreadable(file, "is nested too deeply")
    return Document(file, data, tuple(builder.problems), builder.marks)


def _compose(file: str, text: str) -> Node | Document | None:
    """The top node, None for a file without one, or a document that holds nothing but the problem."""
    try:
        with warnings.catch_warnings():
            # ruamel warns of what YAML allows, such as an anchor that is set anew.
            warnings.simplefilter("ignore")
            node: Node | None = YAML(typ="safe", pure=True).compose(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problem = Problem(file, line, column, "yaml", _in_words(error))
        return Document(file, problems=(problem,))
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"holds the character {error.character!r}, which YAML does not allow"
        return Document(file, problems=(Problem(file, line, 0, "yaml", message),))
    except RecursionError:
        return _unreadable(file, "is nested too deeply")
    # The parser meets some broken input with bare ValueErrors and the like: for a person that is broken YAML as well.
    except (
        YAMLError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        NotImplementedError,
    ) as error:
        return _unreadable(file, f"is no YAML: {error}")
    return node


class _Builder:
    """Turns YAML nodes into plain values, noting positions and problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.marks: dict[Where, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._left = MAX_VALUES

    def value(self, node: Node, path: Where, above: tuple[int, ...]) -> object:
        """The value of `node`, which lies at `path` and below the nodes with the identities `above`."""
        self.marks.setdefault(path, _position(node))
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                self._complain(node, path, f"unfolds to more than {MAX_VALUES} values: are there aliases of aliases?")
            return None
        if id(node) in above:
            self._complain(node, path, "contains itself")
            return None
        above = (*above, id(node))
        kind = str(node.tag)
        if isinstance(node, MappingNode) and kind == f"{_TAG}map":
            return self._mapping(node, path, above)
        if isinstance(node, SequenceNode) and kind == f"{_TAG}seq":
            return [self.value(child, (*path, at), above) for at, child in enumerate(node.value)]
        if isinstance(node, ScalarNode) and kind.removeprefix(_TAG) in _SCALARS:
            return self._scalar(node, path, kind.removeprefix(_TAG))
        self._complain(node, path, f"has the tag {kind.replace(_TAG, '!!')}; tags are not used here")
        return None

    def _mapping(self, node: MappingNode, path: Where, above: tuple[int, ...]) -> dict[str, object]:
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode) or not key_node.value:
                self._complain(key_node, path, "has a key that is no word")
                continue
            key = self._scalar(key_node, path, "str")
            here = (*path, str(key))
            line, column = _position(key_node)
            if key == "<<":
                self._complain(key_node, here, "merging (<<) is no part of YAML 1.2; write the keys out")
            elif key in values:
                self._complain(key_node, here, f"is given twice; the first is in line {lines[str(key)]}")
            else:
                lines[str(key)] = line
                self.marks[here] = (line, column)
                values[str(key)] = self.value(value_node, here, above)
        return values

    def _scalar(self, node: ScalarNode, path: Where, kind: str) -> object:
        text = str(node.value)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self._complain(node, path, "holds half a character (a lone surrogate)")
            return text.encode("ascii", "replace").decode()
        return _SCALARS[kind](text)

    def _complain(self, node: Node, path: Where, message: str) -> None:
        self.problems.append(Problem(self.file, *_position(node), _dotted(path), message))


def _integer(text: str) -> object:
    try:
        return int(text.replace("_", ""), 0 if text.lstrip("+-")[:2].lower() in ("0x", "0o") else 10)
    except ValueError:  # more digits than Python converts, or a forced !!int
        return text


def _real(text: str) -> object:
    try:
        return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text


_SCALARS: Mapping[str, Callable[[str], object]] = {
    "str": str,
    "int": _integer,
    "float": _real,
    "bool": lambda text: text.lower() in ("true", "yes", "on", "y"),
    "null": lambda _: None,
    **dict.fromkeys(("timestamp", "value", "merge"), str),
}
"""How the kinds of scalar that YAML knows are read; dates stay text, nothing here is a date."""


def _position(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _dotted(path: Where) -> str:
    """`path` for people: `hosts.gw.rate_limit`, `exclude[1]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or _WHOLE_FILE


def _in_words(error: MarkedYAMLError) -> str:
    """What the parser says, with a hint where its words alone help nobody, else with where the trouble began."""
    problem = (error.problem or error.context or "is no YAML").encode("utf-8", "replace").decode()
    if hint := next((hint for start, hint in _HINTS if problem.startswith(start)), ""):
        return f"{problem}: {hint}"
    if error.context and error.context_mark and error.problem:
        return f"{problem} {error.context} that begins in line {error.context_mark.line + 1}"
    return problem


def _unreadable(file: str, message: str) -> Document:
    return Document(file, problems=(Problem(file, 0, 0, _WHOLE_FILE, message),))
