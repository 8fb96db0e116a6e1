import json

import pytest

from zfspull.cli.render_config import config_shape
from zfspull.config.schema import Config, Host, Job, Keep


CONFIG = Config(
    hosts={"gw": Host(name="gw", address="10.77.0.1", rate_limit="10 MiB/s")},
    jobs={
        "home": Job(
            name="home", source="gw:zroot/home", target="b/home", schedule="0  */6 * * *", jitter="5m", keep={"last": 3}
        ),
        "vm": Job(name="vm", source="gw:zroot/vm", target="b/vm", schedule="manual", max_destroy=7),
    },
    sources=("zfspull.yaml",),
)


def test_values_read_as_they_are_written():
    """Schedules, sources, addresses and limits are shown in the words of the files."""
    shape = config_shape(CONFIG)

    home, vm = shape["jobs"]["home"], shape["jobs"]["vm"]
    assert (home["source"], home["schedule"], home["max_destroy"]) == ("gw:zroot/home", "0 */6 * * *", "50%")
    assert (vm["schedule"], vm["keep"], vm["max_destroy"]) == (None, None, 7)
    assert shape["http"]["listen"] == "127.0.0.1:9797"


def test_units_are_in_the_keys():
    """Numbers can be read without the manual: their keys carry the units."""
    shape = config_shape(CONFIG)

    assert shape["hosts"]["gw"]["rate_limit_bytes_per_second"] == 10 * 2**20
    assert shape["jobs"]["home"]["jitter_seconds"] == 300


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("keep", "keep"),
        ("rename_aside", {"rename_aside_after_seconds": 604_800}),
        ({"destroy_after": "90d"}, {"destroy_after_seconds": 7_776_000}),
    ],
)
def test_missing_reads_as_it_takes_effect(written, shown):
    """A word stays one, and a time has its unit in the key."""
    job = Job(name="vm", source="gw:zroot/vm", target="b/vm", schedule="manual", missing=written)

    assert config_shape(Config(jobs={"vm": job}))["jobs"]["vm"]["missing"] == shown


def test_everything_is_shown():
    """No field of a job or of its keep rules is left out, and all of it is JSON."""
    home = json.loads(json.dumps(config_shape(CONFIG)))["jobs"]["home"]

    assert len(home) == len(Job.model_fields)
    assert home["keep"].keys() == Keep.model_fields.keys()
