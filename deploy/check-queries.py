#!/usr/bin/env python3
"""Checks the hunting queries of the relays with a Kusto engine that is not ours.

Reads what tests wrote with RELAY_QUERIES=FOLDER (see crates/relay-testkit/src/queries.rs): for each relay the texts
that it can send, rows of the tables and what the simulator's own engine finds in them. Every text has to be read by
the published grammar of KQL (PyPI's duckdb-kql); those with findings are run by DuckDB over the same rows, and the
findings have to be the same, whatever their order. The engine is installed below target/.

Usage: deploy/check-queries.py [FOLDER]      without a folder, the tests are run first
"""

import importlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ["duckdb-kql==1.1.2", "duckdb==2.0.1"]
ENGINE_FOLDER = ROOT / "target/check-queries"
# Relays that hunt. Any further file in the folder is checked too.
RELAYS = {"defender", "graph"}

TYPES = {"DateTime": "TIMESTAMP", "String": "VARCHAR", "Int32": "INTEGER", "Int64": "BIGINT", "Object": "VARCHAR"}
# duckdb-kql reads this operator but cannot run it. The simulator's findings are without it too.
CUT = re.compile(r" \| partition hint\.strategy=native by Key \(top \d+ by Timestamp desc\)")
# Differences that are shown of a query.
SHOWN = 4


def cell(value):
    """A value in a form that two engines agree on: no text is the empty one, lists that have no order are sorted."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            return moment(value).isoformat(timespec="microseconds")
        if re.fullmatch(r"\d+(,\d+)+", value):
            return ",".join(sorted(value.split(",")))
        if value.startswith("[{"):
            return json.dumps(sorted(json.dumps(one, sort_keys=True) for one in json.loads(value)))
    return value


def moment(text):
    """A time with up to nine digits of a second, of which a database keeps six."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}")


def load(database, tables):
    for name, table in tables.items():
        columns = table["columns"]
        database.execute(f"CREATE TABLE {name} ({', '.join(f'{c} {TYPES[t]}' for c, t in columns.items())})")

        def stored(row, column, columns=columns):
            value = row.get(column)
            match columns[column]:
                case "DateTime":
                    return value and moment(value)
                case "String" | "Object":
                    return "" if value is None else value
            return value

        rows = [[stored(row, column) for column in columns] for row in table["rows"]]
        if rows:
            database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)


def differences(database, query, now):
    """Why a query is not right; nothing where it is."""
    text = query["text"]
    faults = duckdb_kql.validate(text)
    if faults or "rows" not in query:
        return [f"is not read: {fault}" for fault in faults]
    found = duckdb_kql.kql(database, CUT.sub("", text), query_now=now)
    columns = found.columns
    theirs = Counter(tuple(cell(value) for value in row) for row in found.fetchall())
    ours = Counter(tuple(cell(row[column]) for column in columns) for row in query["rows"])
    more = set(query["rows"][0]) ^ set(columns)
    shown = [f"only one of the engines has the columns {sorted(more)}"] if more else []
    for who, rows in [("only the simulator", ours - theirs), ("only DuckDB", theirs - ours)]:
        for row, count in list(rows.items())[:SHOWN]:
            kept = {column: value for column, value in zip(columns, row) if value != ""}
            shown.append(f"{who} finds, {count} times: {json.dumps(kept, ensure_ascii=False)}")
    return shown


def engine():
    """The module of the engine, installed where it is missing. Nothing where it cannot be had."""
    sys.path.insert(0, str(ENGINE_FOLDER))
    try:
        import duckdb  # noqa: F401, duckdb_kql imports it only when it is needed
    except ImportError:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "3", "--root-user-action", "ignore"]
        subprocess.run([*pip, "--target", ENGINE_FOLDER, *ENGINE], check=False)
        importlib.invalidate_caches()
    try:
        import duckdb_kql
    except ImportError as fault:
        print(f"NOT CHECKED: hunting queries: {fault}; it comes from PyPI and needs Python 3.11 or newer", flush=True)
        return None
    return duckdb_kql


def written():
    """The folder with what the tests write."""
    folder = ROOT / "target/queries"
    packages = [part for relay in sorted(RELAYS) for part in ("-p", f"relay-{relay}")]
    command = ["cargo", "test", "--locked", *packages, "--lib", "proof"]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "RELAY_QUERIES": str(folder)})
    return folder


def main(folder):
    files = sorted(folder.glob("*.json"))
    if missing := RELAYS - {file.stem for file in files}:
        print(f"{folder} has no queries of {', '.join(sorted(missing))}")
        return 1
    count, failed, compared = 0, 0, 0
    for file in files:
        written = json.loads(file.read_text())
        database = duckdb_kql.connect()
        load(database, written["tables"])
        for query in written["queries"]:
            count += 1
            compared += len(query.get("rows", []))
            shown = differences(database, query, moment(written["now"]))
            if shown:
                failed += 1
                print(f"{file.stem}, {query['name']}:\n{query['text']}", *shown, sep="\n    ")
    print(f"queries of {', '.join(file.stem for file in files)}: {count} read, {compared} rows compared, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    duckdb_kql = engine()
    if duckdb_kql is None:
        sys.exit(1 if os.environ.get("CI") else 0)
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else written()))
