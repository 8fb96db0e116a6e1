"""What the gate may ever run, said a second time and in another way: as expressions that a whole command must match."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence


_PART = r"[A-Za-z0-9_.: -]+"
_TAG = r"zfspull_[A-Za-z0-9][A-Za-z0-9_.-]*_[0-9a-f]{8}"
_COLUMN = (
    "(name|type|guid|encryptionroot|keystatus|receive_resume_token|written|mounted|readonly|origin|createtxg|creation"
    "|ivsetguid|userrefs|clones|snapshots_changed)"
)
_COLUMNS = f"{_COLUMN}(,{_COLUMN})*"
_END = "\0"


def _named(ours: str) -> str:
    """Datasets, snapshots and bookmarks, at least one."""
    return f"(\0{ours}([@#]{_PART})?)+"


def _sends(ours: str, *, as_stored: bool) -> Iterator[str]:
    """With `-w`, or with `-L -c` of what is not encrypted."""
    given, flags = ("\0-w\0", "(\0-n|\0-P|\0-w)*") if as_stored else ("\0-L(\0.*)?\0-c\0", "(\0-n|\0-P|\0-L|\0-c)*")
    start = f"send(?=.*{given}){flags}"
    yield f"{start}(\0-[iI]\0@{_PART})?{flags}\0{ours}@{_PART}"
    yield f"{start}\0-[iI]\0(?P<base>{ours})#{_PART}{flags}\0(?P=base)@{_PART}"
    yield f"{start}\0-t\0" + f"1-[0-9a-fA-F-]+{flags}"


def is_listed(ran: Sequence[str], roots: Sequence[str], allowed: str = "") -> bool:
    """Whether the gate may run that, for the datasets `roots` and the verbs in `allowed`."""
    ours = f"(?:{'|'.join(map(re.escape, roots))})(?:/(?!\\.{{1,2}}[/@#{_END}]){_PART})*"
    expressions = [
        f"list(\0-Hp|\0-r|\0-d\0[01]|\0-t\0(filesystem,volume|snapshot,bookmark)|\0-o\0{_COLUMNS})*{_named(ours)}",
        *(expression for as_stored in (True, False) for expression in _sends(ours, as_stored=as_stored)),
        f"holds\0-H(\0{ours}@{_PART})+",
        f"allow\0{ours}",
        f"get\0-H\0-o\0value\0encryption\0{ours}",
    ]
    if "snapshot" in allowed:
        expressions.append(f"snapshot(\0-r)?(\0{ours}@{_PART})+")
    if "hold" in allowed:
        expressions.append(f"(hold|release)\0{_TAG}(\0{ours}@{_PART})+")
    if "bookmark" in allowed:
        expressions.append(f"bookmark\0(?P<of>{ours})@{_PART}\0(?P=of)#{_TAG}_[0-9a-f]{{16}}")
        expressions.append(f"destroy\0{ours}#{_TAG}_[0-9a-f]{{16}}")
    if "prune" in allowed:
        expressions.append(f"destroy\0{ours}@{_PART}(,{_PART})*")
    if not ran or ran[0] != "zfs":
        return False
    words = "\0".join(ran[1:])
    return any(re.fullmatch(f"(?:{one})", words.replace("\0", _END), re.ASCII) for one in expressions)


def may_follow(ran: Sequence[Sequence[str]]) -> bool:
    """Whether the gate may run these one after the other: marks of zfspull, or a look into a token and what it is for."""
    if len(ran) < 2:
        return True
    if all(words[1] in ("bookmark", "hold", "release") or (words[1] == "destroy" and "#" in words[2]) for words in ran):
        return True
    looks = [words for words in ran if words[1] == "get" or words[1:6] == ["send", "-n", "-P", "-w", "-t"]]
    return len(ran) - len(looks) <= 1 and len(looks) <= 3
