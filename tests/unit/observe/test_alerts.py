"""The alerting rules: they read what there is, and fire when they should."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from zfspull.clock import SystemClock
from zfspull.observe.ledger import JobFacts
from zfspull.observe.metrics import Metrics


ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "config/alerts.yaml"
PROMTOOL = shutil.which("promtool")
RULES = [rule for group in YAML(typ="safe").load(ALERTS)["groups"] for rule in group["rules"]]

# A metric with its matchers; a brace may also stand within a matcher's quotes.
SELECTOR = re.compile(r'\b(zfspull_\w+)(?:\{((?:[^{}"]|"[^"]*")*)\})?')
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
LABEL_LIST = re.compile(r"\b(?:on|ignoring|by|without|group_left|group_right)\s*\(([^)]*)\)")
OF_THE_SCRAPE = {"instance", "job", "exported_job"}


def new_metrics():
    metrics = Metrics(version="1", clock=SystemClock())
    metrics.declare([JobFacts(name="home", host="home", interval_seconds=3600.0, pool="home")])
    return metrics


def labels_by_metric(metrics):
    """By name of a metric, the labels of each series that there is."""
    series = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, []).append(sample.labels)
    return series


@pytest.fixture(scope="module")
def exported(one_of_each):
    """All series after everything has happened once."""
    metrics = new_metrics()
    for event in one_of_each("home"):
        metrics.emit(event)
    return labels_by_metric(metrics)


@pytest.fixture(scope="module")
def beforehand():
    """The series that there are before anything has happened."""
    return labels_by_metric(new_metrics())


of_each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def test_every_rule_has_its_section():
    """The runbook has one section for each alert, and for nothing else."""
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)

    assert sorted(sections) == sorted(rule["alert"] for rule in RULES)


@of_each_rule
def test_a_rule_tells_what_it_means(rule):
    """Every rule says how bad it is and what it means, and leads to its section in the runbook."""
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"].keys() >= {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


@of_each_rule
def test_a_rule_reads_what_is_exported(rule, exported):
    """Every metric and every label that a rule names exists."""
    selectors = SELECTOR.findall(rule["expr"])
    assert selectors
    known = set(OF_THE_SCRAPE)
    for name, matchers in selectors:
        labels = {label for series in exported[name] for label in series}
        assert {label for label, _, _ in MATCHER.findall(matchers)} <= labels | OF_THE_SCRAPE, name
        known |= labels
    listed = {label.strip() for labels in LABEL_LIST.findall(rule["expr"]) for label in labels.split(",")} - {""}
    shown = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert listed | shown <= known


@of_each_rule
def test_a_rule_looks_for_what_there_can_be(rule, beforehand):
    """Where a rule wants a value of a label, a series has it before anything happened: so its first increase is seen."""
    for name, matchers in SELECTOR.findall(rule["expr"]):
        for label, sign, wanted in MATCHER.findall(matchers):
            if sign in {"=", "=~"}:
                assert any(re.fullmatch(wanted, series[label]) for series in beforehand[name]), (name, label)


def job_series(*, honor_labels=True, **values):
    """Series of the job `home`, by metric without `zfspull_job_` and `_seconds`; scraped with `honor_labels` or without."""
    labels = 'job="home"' if honor_labels else 'job="zfspull",exported_job="home"'
    return {f"zfspull_job_{name}_seconds{{{labels}}}": value for name, value in values.items()}


def never(interval, *, attempted, succeeded="0x5000"):
    return job_series(interval=f"{interval}x5000", last_attempt_timestamp=attempted, last_success_timestamp=succeeded)


def pool_series(*, used, available):
    return {
        'zfspull_pool_used_bytes{pool="vault"}': used,
        'zfspull_pool_available_bytes{pool="vault"}': available,
    }


def stalls(count):
    return {
        f'zfspull_retries_total{{job="home",reason="{reason}"}}': values
        for reason, values in (("stalled_source", count), ("busy", "0+9x400"))
    }


def fires(alert, series, *labels, after_minutes):
    """A case for promtool: with a sample of each of `series` per minute, `alert` fires with exactly these label sets."""
    severity = next(rule["labels"]["severity"] for rule in RULES if rule["alert"] == alert)
    common = {"alertname": alert, "alertstate": "firing", "severity": severity}
    samples = [
        {"labels": "ALERTS" + str_of({**common, **dict(pair.split("=") for pair in one.split())}), "value": 1}
        for one in labels
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
                "eval_time": f"{after_minutes}m",
                "exp_samples": samples,
            }
        ],
    }


def str_of(labels):
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


CASES = {
    "nothing is down": fires(
        "ZfspullDown",
        {'up{job="zfspull",instance="a"}': "1x20", 'zfspull_build_info{job="zfspull",instance="a"}': "1x20"},
        after_minutes=20,
    ),
    "one of two daemons is down": fires(
        "ZfspullDown",
        {
            'up{job="zfspull",instance="a"}': "0x20",
            'up{job="zfspull",instance="b"}': "1x20",
            'zfspull_build_info{job="zfspull",instance="b"}': "1x20",
        },
        "instance=a job=zfspull",
        after_minutes=20,
    ),
    "the only daemon is down: one alert": fires(
        "ZfspullDown", {'up{job="zfspull",instance="a"}': "0x20"}, "instance=a job=zfspull", after_minutes=20
    ),
    "nobody asks the daemon": fires("ZfspullDown", {'up{job="node"}': "1x20"}, "job=zfspull", after_minutes=20),
    "a daemon that answers under another job_name": fires(
        "ZfspullDown",
        {'up{job="backup",instance="a"}': "1x20", 'zfspull_build_info{job="backup",instance="a"}': "1x20"},
        after_minutes=20,
    ),
    "an hourly job that never ran": fires(
        "ZfspullJobNeverSucceeded", never(3600, attempted="0x5000"), "job=home", after_minutes=2900
    ),
    "a job whose daemon was restarted": fires(
        "ZfspullJobNeverSucceeded",
        never(3600, attempted="9x5000", succeeded="0x1000 _x20 0x4000"),
        "job=home",
        after_minutes=2900,
    ),
    "a job that succeeded a moment ago": fires(
        "ZfspullJobNeverSucceeded", never(3600, attempted="9x5000", succeeded="0x2800 9x2000"), after_minutes=2900
    ),
    "a weekly job that is not due yet": fires(
        "ZfspullJobNeverSucceeded", never(604800, attempted="0x5000"), after_minutes=4900
    ),
    "a weekly job that was tried": fires(
        "ZfspullJobNeverSucceeded", never(604800, attempted="9x5000"), "job=home", after_minutes=2900
    ),
    "a job without a schedule": fires(
        "ZfspullJobNeverSucceeded", job_series(last_success_timestamp="0x5000"), after_minutes=4900
    ),
    "a pool that stays at 97%": fires(
        "ZfspullPoolNearlyFull", pool_series(used="97x500", available="3x500"), "pool=vault", after_minutes=480
    ),
    "a pool that stays at 90%": fires(
        "ZfspullPoolNearlyFull", pool_series(used="90x500", available="10x500"), after_minutes=480
    ),
    "a stream that stalled once": fires("ZfspullTransferStalled", stalls("0x10 1x100"), after_minutes=60),
    "a stream that stalls all the time": fires(
        "ZfspullTransferStalled", stalls("0x10 1x10 2x10 3x100"), "job=home reason=stalled_source", after_minutes=60
    ),
    "stalls that are over": fires("ZfspullTransferStalled", stalls("0x10 1x10 2x300"), after_minutes=200),
}


@pytest.mark.skipif(not PROMTOOL, reason="no promtool here")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_alert_fires_when_it_should(case, tmp_path):
    """Prometheus itself, given these series, fires what it should and nothing else."""
    (tmp_path / "case.yaml").write_text(
        json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "5m", "tests": [case]})
    )

    done = subprocess.run(
        [PROMTOOL, "test", "rules", tmp_path / "case.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
