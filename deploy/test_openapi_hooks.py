"""What test_openapi.py mixes into the requests of Schemathesis: without it hardly any would reach a provider."""

import json
import os
import random
from pathlib import Path

import schemathesis

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
KNOWN = [{"type": one["type"], "value": one["value"]} for one in json.loads((FIXTURES / "observables.json").read_text())]
TOKEN = os.environ["RELAY_TOKEN"]
TILES = ("/tiles/tile", "/tiles/tile-data")

# The same requests in each run.
chance = random.Random(4711)
offered = []
tiles = []


def some(likely):
    return chance.random() < likely


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.path
    # Now and then another token, or what Schemathesis made up.
    tokens = [TOKEN] if some(0.9) else [None, "Bearer", "Basic dTpw", "Bearer a.b.c", "Bearer \u00e9"]
    if (token := chance.choice(tokens)) is not None:
        case.headers["Authorization"] = token
    if not isinstance(case.body, (list, dict)) or case.method.upper() != "POST" or some(0.4):
        return
    if path.endswith("/observables"):
        case.body = [dict(chance.choice(KNOWN)) for _ in range(chance.choice([0, 1, 1, 2, 14]))]
    elif path == "/respond/trigger" and offered:
        case.body = dict(chance.choice(offered))
    elif path in TILES and tiles:
        tile = chance.choice(tiles)
        case.body = {"tile_id": tile["id"], "period": chance.choice(tile.get("periods", ["last_24_hours"]))}


@schemathesis.hook
def after_call(context, case, response):
    """Keeps the actions and tiles that were offered, for the calls that take them."""
    if case.path not in ("/respond/observables", "/tiles") or response.status_code != 200:
        return
    found = json.loads(response.content).get("data") or []
    if case.path == "/tiles":
        tiles[:] = found
    for action in found if case.path == "/respond/observables" else []:
        if len(offered) < 50:
            offered.append(action.get("query-params", {}) | {"action-id": action["id"]})
