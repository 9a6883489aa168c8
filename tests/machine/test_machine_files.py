"""Check what watches tapeline on one machine, without an engine: compose file, rules, dashboard."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tapeline.alerts.journal import Journal
from tapeline.alerts.service import Alerts
from tapeline.app import config
from tapeline.web import PageData
from tests.fakes.stores import MemoryStore
from tests.machine.queries import DASHBOARD, QUERIES, RULES, selectors
from tests.machine.running import FOLDER, run
from tests.rows import row
from tests.web_site import client_of

COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())

#: Metrics that Prometheus itself has of everything it asks.
OF_PROMETHEUS = {"up"}


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the samples of a page that knows none of its parts yet: their names, and the labels of each."""
    store = MemoryStore()
    store.put(row("AAPL", 0, 5.0))
    health: dict[str, Any] = {"collector": None, "lag": None, "depth": 0, "disk_free": 1}
    journal = Journal(tmp_path_factory.mktemp("alerts") / "alerts.db", create=True)
    data = PageData(
        store, stored=lambda: 1, health=lambda: health, troubles=lambda: {"disk": ("full",)}, alerts=Alerts(journal)
    )
    with contextlib.closing(journal), client_of(data) as client:
        text = client.get("/metrics").text
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*?)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_every_query_parses_and_reads_metrics_that_there_are(query: str, known: dict[str, set[str]]) -> None:
    names = selectors(query.replace("$__rate_interval", "1m"))
    assert names
    assert names - known.keys() - OF_PROMETHEUS == set()


def test_a_query_of_a_metric_that_is_not_there_is_found(known: dict[str, set[str]]) -> None:
    assert selectors("rate(tapeline_lag_p99_seconds[5m])") - known.keys() == {"tapeline_lag_p99_seconds"}
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("sum by (le (up)")


def test_the_guide_lists_every_metric(known: dict[str, set[str]]) -> None:
    page = (FOLDER.parents[1] / "docs" / "metrics.md").read_text()
    listed = set(re.findall(r"`(tapeline_\w+)`", page))
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    assert listed == {name for name in series if name.startswith("tapeline_") and not name.endswith("_created")}


def test_labels_of_metrics_are_those_that_queries_use(known: dict[str, set[str]]) -> None:
    assert known["tapeline_lag_seconds_bucket"] == {"le"}
    assert known["tapeline_trouble"] == {"kind"}
    assert known["tapeline_range_coverage"] == {"band"}


def test_the_compose_file_fits_its_schema() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    run(check, "--builtin-schema", "vendor.compose-spec", FOLDER / "compose.yaml")


def test_the_compose_file_publishes_to_this_machine_only_and_mounts_files_that_there_are() -> None:
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["cap_drop"] == ["ALL"]
        assert {"healthcheck", "mem_limit", "pids_limit", "restart"} <= service.keys(), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert not (service.get("read_only") and "secrets" in service), "Compose copies a secret of the environment"
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (FOLDER / source).is_dir(), volume
    for image in (service["image"] for service in COMPOSE["services"].values() if "image" in service):
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", image), "a version, or it changes without a commit"


def test_the_containers_image_has_the_version_that_it_is_given() -> None:
    """Where none is given it says so; the Dockerfile's own would be that of an old release."""
    assert COMPOSE["services"]["tapeline"]["build"]["args"] == {"VERSION": "${TAPELINE_VERSION:-0.0.0+unknown}"}


def test_tapeline_takes_settings_from_a_file_that_need_not_be_there_and_is_not_tracked() -> None:
    (file,) = COMPOSE["services"]["tapeline"]["env_file"]
    assert file == {"path": "settings.env", "required": False}
    ignored = (FOLDER.parents[1] / ".gitignore").read_text().splitlines()
    assert f"deploy/machine/{file['path']}" in ignored


def test_backups_have_a_folder_outside_of_the_data_that_git_passes_over() -> None:
    volumes = dict(volume.split(":") for volume in COMPOSE["services"]["tapeline"]["volumes"])
    assert volumes == {"data": "/var/lib/tapeline", "./backups": "/backups"}
    assert (FOLDER / "backups" / ".gitignore").read_text().splitlines()[1:] == ["*", "!.gitignore"]


def test_a_command_that_a_rule_names_says_where_it_runs() -> None:
    actions = [rule["annotations"]["action"] for group in RULES["groups"] for rule in group["rules"]]
    named = {name for text in actions for name in re.findall(r"tapeline (check|rejects|score)\b", text)}
    assert named == {"check", "rejects", "score"}
    for text in actions:
        for name in set(re.findall(r"tapeline (check|rejects|score)\b", text)):
            assert f"docker compose exec tapeline tapeline {name}" in text
            assert f"tapeline {name} --data-dir /var/lib/tapeline" in text


def test_panels_have_places_and_sources_that_there_are() -> None:
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    uids = {source["uid"] for source in sources}
    assert {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]} <= uids
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


DURATION = re.compile(r"\d+[smhd]")


def test_rules_have_the_fields_that_prometheus_knows() -> None:
    for group in RULES["groups"]:
        assert group.keys() == {"name", "rules"}
        names = [rule["alert"] for rule in group["rules"]]
        assert len(set(names)) == len(names)
        for rule in group["rules"]:
            assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}, rule
            assert DURATION.fullmatch(rule.get("for", "0s")), rule
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"].keys() == {"summary", "action"}
            for text in rule["annotations"].values():
                templates = re.findall(r"\{\{ \$(?:value|labels\.\w+)(?: \| \w+)? \}\}", text)
                assert text.count("{{") == text.count("}}") == len(templates), text


def test_prometheus_asks_the_service_of_the_compose_file_and_has_the_rules() -> None:
    written = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text())
    assert written.keys() == {"global", "rule_files", "scrape_configs"}
    assert all(DURATION.fullmatch(value) for value in written["global"].values())
    assert [name for name in written["rule_files"] if not (FOLDER / "prometheus" / name).is_file()] == []
    (asked,) = written["scrape_configs"]
    assert asked.keys() == {"job_name", "metrics_path", "authorization", "static_configs"}
    (target,) = asked["static_configs"][0]["targets"]
    assert target.partition(":")[0] in COMPOSE["services"]
    assert target.partition(":")[2] == str(config.load().page.port)
    assert f'up{{job="{asked["job_name"]}"}}' in str(RULES)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here: queries, fields and templates are checked "
                    "as far as this file and promql-parser know them")  # fmt: skip
def test_prometheus_takes_its_files() -> None:
    folder = FOLDER / "prometheus"
    run("promtool", "check", "rules", folder / "rules.yml")
    run("promtool", "check", "config", "--syntax-only", folder / "prometheus.yml")
