"""What pydantic found wrong, in words for the person who wrote the file.

`WORDS` says it for each kind of error; readers in `values` bring their own words, which are passed on as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from zfspull.config.document import Where
from zfspull.config.readers import show


_REQUIRED = {
    "source": "is required: which dataset to pull, as host:dataset, for example gw:zroot/home",
    "target": "is required: where the replica goes, for example backup/gw/home",
    "schedule": 'is required here or in the defaults: for example "@hourly", "0 */6 * * *", every 15m or manual',
    "snapshots": 'is required: a regular expression of the names that the set judges, for example "_hourly$"',
    "address": "is required: the host name or IP address to connect to",
}
_MAX_LISTED = 16


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Where, str]]:
    """Where in the data and what, for each mistake that `error` holds; `model` is what was validated."""
    for detail in error.errors(include_url=False):
        where = detail["loc"]
        context = {**detail.get("ctx", {}), "value": detail["input"], "key": where[-1] if where else ""}
        if detail["type"] == "extra_forbidden":
            yield where, _unknown_key(str(where[-1]), keys_at(model, where[:-1]))
        elif detail["type"] in WORDS:
            yield where, WORDS[detail["type"]](context)
        else:
            yield where, f"is {show(detail['input'])}: {detail['msg']}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`"; did you mean 'x'?"` if one of `known` is like `word`, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def keys_at(model: type[BaseModel], where: Where) -> list[str]:
    """The keys that YAML may have at `where` in the data that `model` describes."""
    for part, after in zip_longest(where, where[1:]):
        inner = next((info for name, info in model.model_fields.items() if part == (info.alias or name)), None)
        if inner is not None:
            models = list(_models_in(inner.annotation)) or [model]
            # `Keep | tuple[KeepSet, ...]`: those of a list stand last.
            model = models[-1 if isinstance(after, int) else 0]
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a type such as `Keep | None` or `dict[str, Host]` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _unknown_key(key: str, known: Collection[str]) -> str:
    meant = did_you_mean(key, known)
    return f"unknown key{meant}" if meant else f"unknown key; there are {', '.join(list(known)[:_MAX_LISTED])}"


def _choice(context: Mapping[str, Any]) -> str:
    value = context["value"]
    choices = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
    meant = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"is {show(value)}; must be {' or '.join(choices)}{meant}"


def _must_be(what: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"must be {what}, is {show(context['value'])}"


WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda context: _REQUIRED.get(context["key"], "is required"),
    "value_error": lambda context: str(context["error"]),
    "literal_error": _choice,
    "enum": _choice,
    "string_type": _must_be("text (put quotes around it)"),
    "int_type": _must_be("a whole number"),
    "int_from_float": _must_be("a whole number"),
    "int_parsing_size": _must_be("a smaller number"),
    "bool_type": _must_be("true or false"),
    "list_type": _must_be("a list: [one, two]"),
    "tuple_type": _must_be("a list: [one, two]"),
    "dict_type": _must_be("a mapping of keys and values"),
    "model_type": _must_be("a mapping of keys and values"),
    "greater_than_equal": lambda context: f"must be at least {context['ge']}, is {show(context['value'])}",
    "less_than_equal": lambda context: f"must be at most {context['le']}, is {show(context['value'])}",
}
"""By pydantic's type of error: what to say of it."""
