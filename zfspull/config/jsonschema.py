"""JSON Schemas of the files, for editors: what may be *written*, while the models say what it becomes.

Made from the models, so that the two can't differ in keys. What an editor can't know (other files, the time zones of
this machine) is left to `load`.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from zfspull.config.schema import Job, Main


Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_JOB_REQUIRED = ("source", "target")
_MAY_NOT_BE_EMPTY = (*_JOB_REQUIRED, "name", "version")


class _WithoutDefaults(GenerateJsonSchema):
    """Leaves defaults out: they are what values become, not what is written."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def job_schema() -> Schema:
    """The schema of a job's file. Any optional key may be null: that undoes the default of the main file."""
    return _finished(Job.model_json_schema(schema_generator=_WithoutDefaults), "zfspull job", list(_JOB_REQUIRED))


def main_schema() -> Schema:
    """The schema of the main file."""
    schema = Main.model_json_schema(schema_generator=_WithoutDefaults)
    host = schema["$defs"]["Host"]
    # The name of a host is its key.
    del host["properties"]["name"]
    host["required"].remove("name")
    defaults = schema["$defs"]["Defaults"]
    defaults["properties"] = {key: _or_null(value) for key, value in defaults["properties"].items()}
    return _finished(schema, "zfspull configuration", [])


def _finished(schema: Schema, title: str, required: list[str]) -> Schema:
    schema = _tidy(schema)
    properties = {
        key: value if key in _MAY_NOT_BE_EMPTY else _or_null(value) for key, value in schema["properties"].items()
    }
    return {**schema, "$schema": _DIALECT, "title": title, "properties": properties, "required": required}


def _or_null(schema: Schema) -> Schema:
    """`schema`, or nothing where it stands."""
    if {"type": "null"} in schema.get("anyOf", ()):
        return schema
    described = {"description": schema["description"]} if "description" in schema else {}
    return {"anyOf": [schema, {"type": "null"}], **described}


def _tidy(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Without the titles that pydantic makes from names of attributes."""
    if isinstance(node, list):
        return [_tidy(child) for child in node]
    if not isinstance(node, dict):
        return node
    tidied = {}
    for key, value in node.items():
        if key in ("properties", "$defs"):
            tidied[key] = {name: _tidy(child) for name, child in value.items()}
        elif key != "title":
            tidied[key] = _tidy(value)
    return tidied
