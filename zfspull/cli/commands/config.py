"""`zfspull config show|schema`: the merged configuration, and the JSON Schema of its files for editors."""

from __future__ import annotations

import json

from zfspull.cli.exit_codes import ExitCode
from zfspull.cli.options import Commands, Options, add_command


_EXAMPLES = """\
  zfspull config show
  zfspull config schema --job > job.schema.json"""


def add(commands: Commands) -> None:
    """Put the command and its two verbs on the parser."""
    parser = add_command(
        commands, "config", show, summary="show the merged configuration, or its JSON Schema", examples=_EXAMPLES
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    add_command(
        verbs,
        "show",
        show,
        summary="print the configuration as it takes effect, as JSON",
        details="Defaults and job files are merged; what was left out is filled in.",
    )
    schema_parser = add_command(
        verbs,
        "schema",
        schema,
        summary="print the JSON Schema of the files, for editors",
    )
    which = schema_parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--main", action="store_true", help="of zfspull.yaml")
    which.add_argument("--job", action="store_true", help="of a file in jobs.d/")


def show(options: Options) -> int:
    """Print the configuration as it takes effect. It holds no secrets, only paths of keys."""
    from zfspull.cli.here import load
    from zfspull.cli.render_config import config_shape

    print(json.dumps(config_shape(load(options)), indent=2))
    return ExitCode.OK


def schema(options: Options) -> int:
    """Print the JSON Schema of one kind of file."""
    from zfspull.config.jsonschema import job_schema, main_schema

    print(json.dumps(main_schema() if options.main else job_schema(), indent=2))
    return ExitCode.OK
