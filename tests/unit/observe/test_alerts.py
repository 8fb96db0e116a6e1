"""The alerting rules: they read what there is, and fire when they should."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.lab.promtool import promtool
from zfspull.clock import SystemClock
from zfspull.observe.ledger import JobFacts
from zfspull.observe.metrics import Metrics
from zfspull.plan.remedies import aside_name
from zfspull.zfs.model import Dataset, Kind


ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "config/alerts.yaml"
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


ASIDE = aside_name(Dataset(name="b/home/old", kind=Kind.FILESYSTEM, guid=5))


def fires(alert, series, *labels, after_minutes, step_minutes=5):
    """A case for promtool: with a sample of each of `series` per step, `alert` fires with exactly these label sets."""
    severity = next(rule["labels"]["severity"] for rule in RULES if rule["alert"] == alert)
    common = {"alertname": alert, "alertstate": "firing", "severity": severity}
    samples = [
        {"labels": "ALERTS" + str_of({**common, **dict(pair.split("=") for pair in one.split())}), "value": 1}
        for one in labels
    ]
    query = {
        "expr": f'ALERTS{{alertname="{alert}",alertstate="firing"}}',
        "eval_time": f"{after_minutes}m",
        "exp_samples": samples,
    }
    test = {
        "interval": f"{step_minutes}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [query],
    }
    return {"rule_files": [str(ALERTS)], "evaluation_interval": f"{step_minutes}m", "tests": [test]}


def never_succeeds(*labels, after_hours, interval=3600, attempted="0x999", succeeded="0x999"):
    """For a job with such an interval and such times, a sample each quarter of an hour."""
    figures = {
        "zfspull_job_interval_seconds": f"{interval}x999",
        "zfspull_job_last_attempt_timestamp_seconds": attempted,
        "zfspull_job_last_success_timestamp_seconds": succeeded,
    }
    series = {name + '{job="home"}': values for name, values in figures.items()}
    return fires("ZfspullJobNeverSucceeded", series, *labels, after_minutes=60 * after_hours, step_minutes=15)


def old_point(*labels, after_days, points=(("b/home", 0.5),), job='job="home"', interval=3600, skips=0, missing=None):
    """For a job's datasets with recovery points of such days, a sample each hour."""
    figures = {f"zfspull_job_skips_unwritten{{{job}}}": skips, f"zfspull_job_interval_seconds{{{job}}}": interval}
    for dataset, at in points:
        one = f'{{{job},dataset="{dataset}"}}'
        figures["zfspull_dataset_newest_snapshot_timestamp_seconds" + one] = int(at * 86400)
        figures["zfspull_dataset_missing_seconds" + one] = missing
    series = {name: f"{value}x999" for name, value in figures.items() if value is not None}
    return fires("ZfspullRecoveryPointOld", series, *labels, after_minutes=1440 * after_days, step_minutes=60)


def nearly_full(*labels, used, available):
    series = {
        'zfspull_pool_used_bytes{pool="vault"}': f"{used}x999",
        'zfspull_pool_available_bytes{pool="vault"}': f"{available}x999",
    }
    return fires("ZfspullPoolNearlyFull", series, *labels, after_minutes=480)


def stalls(values, *labels, after_minutes):
    """For a job with such a count of stalls, a sample every five minutes; other retries go on all the time."""
    series = {
        'zfspull_retries_total{job="home",reason="stalled_source"}': values,
        'zfspull_retries_total{job="home",reason="busy"}': "0+9x999",
    }
    return fires("ZfspullTransferStalled", series, *labels, after_minutes=after_minutes)


def str_of(labels):
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


UP, DOWN = "1x99", "0x99"
NO_LABELS_KEPT = 'job="zfspull",exported_job="home"'

CASES = {
    "nothing is down": fires(
        "ZfspullDown", {'up{job="zfspull"}': UP, 'zfspull_build_info{job="zfspull"}': UP}, after_minutes=20
    ),
    "one of two daemons is down": fires(
        "ZfspullDown",
        {
            'up{job="zfspull",instance="a"}': DOWN,
            'up{job="zfspull",instance="b"}': UP,
            'zfspull_build_info{job="zfspull",instance="b"}': UP,
        },
        "instance=a job=zfspull",
        after_minutes=20,
    ),
    "the only daemon is down: one alert": fires(
        "ZfspullDown", {'up{job="zfspull",instance="a"}': DOWN}, "instance=a job=zfspull", after_minutes=20
    ),
    "nobody asks the daemon": fires("ZfspullDown", {'up{job="node"}': UP}, "job=zfspull", after_minutes=20),
    "a daemon that answers under another job_name": fires(
        "ZfspullDown", {'up{job="backup"}': UP, 'zfspull_build_info{job="backup"}': UP}, after_minutes=20
    ),
    "an hourly job that never ran": never_succeeds("job=home", after_hours=49),
    "a job whose daemon was restarted": never_succeeds(
        "job=home", attempted="9x999", succeeded="0x60 _x2 0x900", after_hours=49
    ),
    "a job that succeeded a moment ago": never_succeeds(attempted="9x999", succeeded="0x190 9x800", after_hours=49),
    "a weekly job that is not due yet": never_succeeds(interval=7 * 86400, after_hours=72),
    "a weekly job that was tried": never_succeeds(
        "job=home", interval=7 * 86400, attempted="0x60 9x900", after_hours=72
    ),
    "a source with daily snapshots": old_point(after_days=3),
    "a source that takes no more snapshots": old_point("job=home dataset=b/home", after_days=4),
    "the same without honor_labels": old_point(
        "job=zfspull exported_job=home dataset=b/home", job=NO_LABELS_KEPT, after_days=4
    ),
    "a seldom job within three of its intervals": old_point(interval=2 * 86400, after_days=6),
    "a seldom job beyond three of its intervals": old_point(
        "job=home dataset=b/home", interval=2 * 86400, after_days=7
    ),
    "one of two datasets is old": old_point(
        "job=home dataset=b/home", points=[("b/home", 0.5), ("b/home/new", 3)], after_days=4
    ),
    "a dataset that the source has no more": old_point(missing=9, after_days=5),
    "a replica without a snapshot": old_point(points=[("b/home", 0)], after_days=5),
    "replicas that were renamed aside": old_point(points=[(ASIDE, 0.5), (f"{ASIDE}/sub", 0.5)], after_days=5),
    "a job without a schedule": old_point(interval=None, after_days=5),
    "a job that skips what is unwritten": old_point(skips=1, after_days=5),
    "a pool that stays at 97%": nearly_full("pool=vault", used=97, available=3),
    "a pool that stays at 90%": nearly_full(used=90, available=10),
    "a stream that stalled once": stalls("0x10 1x100", after_minutes=90),
    "a stream that stalls again and again": stalls(
        "0x4 1x3 2x3 3x100", "job=home reason=stalled_source", after_minutes=90
    ),
    "stalls that are over": stalls("0x4 1x3 2x100", after_minutes=240),
}


def advised():
    """The expressions on recovery points that the documents advise, each with its value for a dataset that is well."""
    age = "time() - (zfspull_dataset_newest_snapshot_timestamp_seconds > 0) unless zfspull_dataset_missing_seconds"
    newest = "newest_snapshot_timestamp_seconds"
    return {age: 1100, f"zfspull_dataset_source_{newest} - (zfspull_dataset_{newest} > 0)": 50}


def test_the_documents_advise_what_is_tried_here():
    """The reference has both expressions, the how-to the one that matters most."""
    reference, how_to = ((ROOT / f"docs/{name}.md").read_text() for name in ("reference/metrics", "how-to/monitoring"))

    assert [one for one in advised() if f"`{one}`" not in reference] == []
    assert next(iter(advised())) in how_to.splitlines()


@pytest.mark.lab
@pytest.mark.parametrize("expression", advised())
def test_advised_expressions_leave_out_what_is_empty_or_gone(expression, tmp_path):
    """Neither a replica without a snapshot nor one that the source has no more seems to be behind for ever."""
    of = {
        "well": {"newest_snapshot_timestamp": 100, "source_newest_snapshot_timestamp": 150},
        "empty": {"newest_snapshot_timestamp": 0, "source_newest_snapshot_timestamp": 150},
        "gone": {"newest_snapshot_timestamp": 100, "missing": 9},
    }
    series = [
        {"series": f'zfspull_dataset_{name}_seconds{{dataset="{dataset}"}}', "values": f"{value}x99"}
        for dataset, figures in of.items()
        for name, value in figures.items()
    ]
    samples = [{"labels": '{dataset="well"}', "value": advised()[expression]}]
    query = {"expr": expression, "eval_time": "20m", "exp_samples": samples}
    check({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [query]}]}, tmp_path)


@pytest.mark.lab
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_alert_fires_when_it_should(case, tmp_path):
    """Prometheus itself, given these series, fires what it should and nothing else."""
    check(case, tmp_path)


def check(case, tmp_path):
    (tmp_path / "case.yaml").write_text(json.dumps(case))

    done = subprocess.run(
        [promtool(), "test", "rules", tmp_path / "case.yaml"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
