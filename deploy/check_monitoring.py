"""Checks of Prometheus' rules and Grafana's dashboard: they use what relays export, and lead to a runbook."""

import json
import re

import yaml

from checks import expect, run, skip, tool
from relays import RELAYS, ROOT


def monitoring():
    """The dashboard shows every metric, alerts have runbooks, targets are the relays. That rules and dashboard use what
    relays export is a test of relay-core (`tests/http/monitoring.rs`)."""
    sources = ("telemetry/metrics.rs", "telemetry/queue.rs", "shared/metrics.rs")
    source = "".join((ROOT / "crates/relay-core/src" / file).read_text() for file in sources)
    exported = set(re.findall(r'"(relay_[a-z_]+)"', source))
    expect(len(exported) > 20, "telemetry/metrics.rs", f"names only {sorted(exported)}")
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/relays.json").read_text())
    shown = json.dumps(dashboard)
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text()
    unseen = {metric for metric in exported if metric not in shown}
    expect(not unseen, "dashboard", f"does not show {sorted(unseen)}")
    numbers = [panel["id"] for panel in dashboard["panels"]]
    expect(len(numbers) == len(set(numbers)), "dashboard", "two panels have the same id")
    sections = set(re.findall(r"^## (\w+)$", (ROOT / "deploy/runbooks.md").read_text(), re.MULTILINE))
    alerts = set()
    for group in yaml.safe_load(rules)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                expect({"summary", "description"} <= set(rule["annotations"]), rule["alert"], "has no summary or description")
                alerts.add(rule["alert"])
                expect(rule["annotations"].get("runbook_url") == f"deploy/runbooks.md#{rule['alert'].lower()}",
                       rule["alert"], "leads to no runbook")
                expect(rule["labels"]["severity"] in ("warning", "critical"), rule["alert"], "has no severity")
    expect(sections == alerts, "runbooks.md", f"and rules.yml differ in {sorted(sections ^ alerts)}")
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = sorted(target for job in scraped for part in job["static_configs"] for target in part["targets"])
    expect(targets == sorted(f"relay-{name}:9091" for name in RELAYS), "prometheus.yml", f"scrapes {targets}")
    if not tool("promtool"):
        skip("deploy/prometheus", "promtool is not installed")
        return
    for command in (["check", "config"], ["check", "rules"], ["test", "rules"]):
        file = {"config": "prometheus.yml", "rules": "rules.yml"}[command[1]]
        file = "rules_test.yml" if command[0] == "test" else file
        result = run("promtool", *command, f"deploy/prometheus/{file}")
        expect(result.returncode == 0, f"promtool {' '.join(command)}", result.stdout + result.stderr)
