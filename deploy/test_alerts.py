#!/usr/bin/env python3
"""Each alert fires on series of the real programs: a relay before the simulator, with the fault, scraped before and after.

Usage: deploy/test_alerts.py PROGRAMS [ALERT...]     PROGRAMS: folder with provider-sim and the relays; needs promtool

The increase of a counter from one scrape to the next is taken to go on for an hour, a scrape each fifteen seconds; a gauge
stays as it was last. promtool evaluates deploy/prometheus/rules.yml over these series.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import yaml

from alert_stage import NOBODY, Stage, ask, certificate, until
from relays import ROOT

INTERVAL = 15
ENDS = 5400
# How long a process of the alert about restarts lives.
LIFE = 240
# Of the process of the alert about file descriptors.
DESCRIPTORS = 128
XFORCE, GRAPH, TRAILS = "xforce", "graph", "securitytrails"


def quiet(stage):
    stage.observe(3)


def impatient(stage):
    stage.observe(3, patience=0.3)
    until("the relay notices", lambda: any(
        'outcome="aborted"' in name and value for name, value in stage.scrape().items() if "relay_requests" in name))


def after_a_pause(stage):
    # What is down is asked by one call after five seconds.
    time.sleep(5.2)
    stage.observe(3)


def beyond_a_quota(stage):
    # Equal requests would share a call, and so would the addresses of one.
    bodies = [[{"type": "ip", "value": f"203.0.113.{number}"}] for number in range(12)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        list(pool.map(lambda body: stage.observe(1, body), bodies))


def many(stage):
    stage.observe(8)


def with_key_of_the_platform(stage):
    for _ in range(4):
        signed = ask(stage.sim, "/_control/token", json.dumps({"jwks_host": NOBODY, "aud": "http://127.0.0.1"}))
        found = re.search(r"[\w-]+\.[\w-]+\.[\w-]+", signed)
        ask(stage.port, "/health", "", bearer=found[0])
        # So long no further keys are asked for.
        time.sleep(1.1)


def until_lines_are_dropped(stage):
    def dropped():
        stage.observe(10)
        return any("lines_dropped" in name and value for name, value in stage.scrape().items())
    until("lines are dropped", dropped, 60)


def end(stage):
    stage.end(stage.relay)


def connect(stage):
    stage.kept = []
    def are_used():
        stage.kept.append(socket.create_connection(("127.0.0.1", stage.port)))
        return any("process_open_fds" in name and value > 0.82 * DESCRIPTORS for name, value in stage.scrape().items())
    until("file descriptors are used", are_used)


# Per alert: the stage, what is done between the scrapes, and the alerts that fire beside it.
FAILS = ["RelayRequestsFail", "RelayProviderFails"]
SCENARIOS = {
    "RelayDown": ((XFORCE, {}), end, []),
    "RelayRestarts": ((XFORCE, {}), None, []),
    "RelayRequestsFail": ((XFORCE, {}, ["xforce:status=500"]), quiet, ["RelayProviderFails"]),
    "RelaySlow": ((XFORCE, {"RELAY_PROVIDER__READ_TIMEOUT": "20s"}, ["xforce:latency=11s"]), quiet, []),
    "RelayRequestsAborted": ((XFORCE, {}, ["xforce:latency=3s"]), impatient, []),
    "RelayProviderFails": ((XFORCE, {}, ["xforce:status=503"]), after_a_pause, ["RelayRequestsFail"]),
    "RelayProviderUnreachable": ((XFORCE, {"RELAY_PROVIDER__API_URL": f"http://{NOBODY}"}), after_a_pause, FAILS),
    "RelayProviderLimits": ((XFORCE, {}, ["xforce:status=429"]), quiet, FAILS),
    "RelaySharedStoreDown": ((XFORCE, {"RELAY_SHARED__URL": f"redis://{NOBODY}", "RELAY_SHARED__KEY": "k" * 32}),
                             quiet, []),
    "RelayAnswersUnreadable": ((XFORCE, {}, ["xforce:wrong-type"]), quiet, FAILS),
    "RelayTokensNotIssued": ((GRAPH, {}, ["login:status=500"]), quiet, FAILS),
    "RelayCertificateExpires": ((GRAPH, "certificate"), lambda stage: None, []),
    "RelayKeysNotFetched": ((XFORCE, {"RELAY_AUTH__JWKS_HOSTS": f"http://{NOBODY}"}), with_key_of_the_platform,
                            ["RelayRequestsFail"]),
    "RelayRequestsOutOfTime": ((XFORCE, {"RELAY_DEADLINE": "500ms"}, ["xforce:latency=3s"]), quiet,
                               ["RelayRequestsFail"]),
    "RelayRefusesRequests": ((XFORCE, {"RELAY_MAX_REQUESTS": "1"}, ["xforce:latency=500ms"]), many, []),
    "RelayAnswersCut": ((XFORCE, {"RELAY_MAX_OBSERVABLES": "1"}), quiet, []),
    "RelayQuotaUsedUp": ((TRAILS, {"RELAY_DEADLINE": "3s"}, ["securitytrails:latency=2s"]), beyond_a_quota, ["RelayRequestsFail"]),
    "RelayLogLinesDropped": ((XFORCE, {"RELAY_LOG": "trace", "RELAY_LOG_QUEUE": "50"}), until_lines_are_dropped, []),
    "RelayFileDescriptors": ((XFORCE, {}), connect, []),
}


def scrapes(programs, alert, folder):
    """What the relay of a scenario exports, scrape by scrape."""
    (about, settings, *faults), act, _ = SCENARIOS[alert]
    if settings == "certificate":
        settings = certificate(folder, 10)
    options = {"descriptors": DESCRIPTORS if alert == "RelayFileDescriptors" else None,
               "unread": alert == "RelayLogLinesDropped"}
    with Stage(programs, about, settings, *faults, **options) as stage:
        if act:
            # The counters of a call are there from its first use. Its answer also tells the relay the account's own
            # quota, which is larger than the one that it assumes.
            if alert != "RelayQuotaUsedUp":
                stage.observe()
            before = stage.scrape()
            act(stage)
            return [before, stage.scrape()]
        taken = [stage.scrape()]
        for _ in range(5):
            time.sleep(1.1)
            stage.restart()
            taken.append(stage.scrape())
        return taken


def series(taken):
    """The same for an hour and a half, in the words of promtool."""
    count = ENDS // INTERVAL
    for name in sorted(set().union(*taken)):
        values = [sample[name] for sample in taken if name in sample]
        metric = name.split("{")[0]
        if metric.endswith("timestamp_seconds"):
            # promtool's time begins at zero.
            values = [value - time.time() for value in values]
        if len(taken) > 2:
            written = " ".join(f"{value!r}x{LIFE // INTERVAL - 1}" for value in values)
        elif re.search("_(total|bucket|sum|count)$", metric) and len(values) == 2:
            written = f"{values[0]!r}+{max(values[1] - values[0], 0)!r}x{count}"
        else:
            written = f"{values[-1]!r}x{count}"
        yield {"series": name, "values": written}


def firing(taken, folder):
    """The alerts that these series fire."""
    evaluated = {
        "rule_files": [str(ROOT / "deploy/prometheus/rules.yml")],
        "evaluation_interval": f"{INTERVAL}s",
        "tests": [{
            "interval": f"{INTERVAL}s",
            "input_series": list(series(taken)),
            "promql_expr_test": [{"expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                                  "eval_time": f"{ENDS - 60}s", "exp_samples": []}],
        }],
    }
    if len(taken) > 2:
        evaluated["tests"][0]["promql_expr_test"][0]["eval_time"] = f"{LIFE * len(taken) - INTERVAL}s"
    file = os.path.join(folder, "test.yml")
    with open(file, "w") as out:
        yaml.safe_dump(evaluated, out)
    result = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    if result.returncode and "got:" not in said:
        sys.exit(said)
    # None is expected, so it lists those that there are.
    return set(re.findall(r'alertname="(\w+)"', said.split("got:", 1)[-1]))


def main(programs, *wanted):
    alerts = {rule["alert"] for group in yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())["groups"]
              for rule in group["rules"] if "alert" in rule}
    problems = [f"{alert} has no scenario" for alert in sorted(alerts - set(SCENARIOS))]
    for alert in wanted or SCENARIOS:
        with tempfile.TemporaryDirectory() as folder:
            fired = firing(scrapes(os.path.abspath(programs), alert, folder), folder)
        expected = {alert, *SCENARIOS[alert][2]}
        print(f"{alert}: {', '.join(sorted(fired)) or 'nothing'}", flush=True)
        if fired != expected:
            problems.append(f"{alert}: fires {sorted(fired)}, expected {sorted(expected)}")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main(*sys.argv[1:])
