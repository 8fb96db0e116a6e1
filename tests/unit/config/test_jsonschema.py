"""The schemas for editors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from zfspull.config.document import read_document
from zfspull.config.jsonschema import job_schema, main_schema
from zfspull.config.schema import Host, Job, Main


SAMPLES = Path(__file__).parents[3] / "config"
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
KNOWN = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "pattern"}
KNOWN |= {
    "propertyNames",
    "minimum",
    "maximum",
    "minItems",
    "description",
    "examples",
    "format",
    "$ref",
    "$defs",
    "$schema",
    "title",
}


def errors(value, schema, root, where="$"):
    """As much of a JSON Schema validator as these schemas need; a keyword it does not know is an error."""
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return errors(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, where)
    if "anyOf" in schema:
        tries = [errors(value, option, root, where) for option in schema["anyOf"]]
        return [] if [] in tries else max(tries, key=len)
    wanted = schema.get("type")
    if wanted and (not isinstance(value, TYPES[wanted]) or (wanted == "integer" and isinstance(value, bool))):
        return [f"{where} is no {wanted}"]
    found = [
        f"{where} is no {schema[word]}"
        for word in ("const", "enum")
        if word in schema and not fits(value, schema, word)
    ]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where} does not match")
    if not schema.get("minimum", value) <= value if wanted == "integer" else False:
        found.append(f"{where} is too small")
    if wanted == "array":
        found += [
            error for at, one in enumerate(value) for error in errors(one, schema["items"], root, f"{where}[{at}]")
        ]
    if wanted == "object":
        found += object_errors(value, schema, root, where)
    return found


def fits(value, schema, word):
    return value == schema[word] if word == "const" else value in schema[word]


def object_errors(value, schema, root, where):
    found = [f"{where}.{key} is missing" for key in schema.get("required", ()) if key not in value]
    for key, one in value.items():
        inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
        if inner is False:
            found.append(f"{where}.{key} is unknown")
        elif isinstance(inner, dict):
            found += errors(one, inner, root, f"{where}.{key}")
    return found


@pytest.mark.parametrize("path", sorted((SAMPLES / "jobs.d").iterdir()), ids=lambda path: path.name)
def test_sample_jobs_fit(path):
    """Every sample job is valid by the schema that editors get."""
    assert errors(read_document(path).data, job_schema(), job_schema()) == []


def test_the_sample_main_file_fits():
    """The sample main file is valid by the schema that editors get."""
    assert errors(read_document(SAMPLES / "zfspull.yaml").data, main_schema(), main_schema()) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"recursiv": True}, "$.recursiv is unknown"),
        ({"recursive": "yes"}, "$.recursive"),
        ({"jitter": 5}, "$.jitter"),
        ({"jitter": "1h6M"}, "$.jitter does not match"),
        ({"keep": {"dayly": 1}}, "$.keep"),
        ({"initial": "latest"}, "$.initial"),
        ({"source": "zroot"}, "$.source does not match"),
        ({"target": None}, "$.target is no string"),
    ],
)
def test_mistakes_are_seen_by_editors(change, error):
    """What an editor can know to be wrong, the schema refuses."""
    found = errors({"source": "gw:a", "target": "b/c", **change}, job_schema(), job_schema())

    assert any(one.startswith(error) for one in found)


def test_all_keys_are_described():
    """The schemas know exactly the keys that the models take; a host's name is its key."""

    def keys(model):
        return {info.alias or name for name, info in model.model_fields.items()}

    assert set(job_schema()["properties"]) == keys(Job)
    assert set(main_schema()["properties"]) == keys(Main)
    assert set(main_schema()["$defs"]["Host"]["properties"]) == keys(Host) - {"name"}


@pytest.mark.parametrize("schema", [job_schema, main_schema])
def test_schemas_are_json(schema):
    """The schemas can be written as JSON and name their dialect."""
    assert json.loads(json.dumps(schema())) == schema()
    assert schema()["$schema"].endswith("2020-12/schema")
