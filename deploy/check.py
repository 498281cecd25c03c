"""Checks of the files that run the relays, without a container engine.

Each function is one check and reports problems with `fail`: those of Kubernetes and monitoring are in modules of their
own. Run it with check.sh, which installs the tools.
"""

import functools
import os
import re
import sys
import tempfile
from pathlib import Path

import yaml

import relays
from check_kubernetes import kubernetes
from check_monitoring import monitoring
from checks import expect, fail, failures, run, skip, tool
from relays import PORTS, RELAYS, ROOT


# --- The list of relays -------------------------------------------------------------------------------------------


def list_of_relays():
    """Every relay is on the list, and everything that follows from the list is there."""
    folders = {path.parent.name for path in ROOT.glob("relays/*/Cargo.toml")}
    expect(folders == set(RELAYS), "relays/relays.toml", f"lists {sorted(RELAYS)}, the folders are {sorted(folders)}")
    for difference in relays.differences():
        failures.append(difference)
    for file, needle in [
        ("crates/relayctl/Cargo.toml", 'relay-{} = {{ path = "../../relays/{}" }}'),
        ("README.md", "[{}](relays/{}/README.md)"),
        ("deploy/README.md", "| {} | `"),
    ]:
        text = (ROOT / file).read_text()
        for name in RELAYS:
            wanted = needle.format(name, name)
            expect(wanted in text, file, f"lacks {wanted!r}")


# --- docker-compose.yml -------------------------------------------------------------------------------------------


@functools.cache
def composer():
    """The command of Compose, preferably the new one; none if there is neither."""
    if tool("docker") and not run("docker", "compose", "version").returncode:
        return ("docker", "compose")
    return (tool("docker-compose"),) if tool("docker-compose") else None


def composed(*files, variables=None):
    """The composition as Compose reads it."""
    arguments = [*(part for file in files for part in ("-f", file)), "--profile", "monitoring", "--profile", "tools",
                 "--profile", "replicas"]
    with tempfile.NamedTemporaryFile("w", suffix=".env") as empty:
        # The user's .env and environment must not matter.
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        result = run(*composer(), "--env-file", empty.name, *arguments, "config", env=environment | (variables or {}))
    if result.returncode:
        fail(" + ".join(files), result.stderr.strip())
        return {}
    return yaml.safe_load(result.stdout)["services"]


def settings(service):
    environment = service.get("environment") or {}
    return dict(pair.split("=", 1) for pair in environment) if isinstance(environment, list) else environment


def published(service):
    """Pairs of host address and host port."""
    for port in service.get("ports", []):
        if isinstance(port, dict):
            yield port.get("host_ip"), int(port["published"])
        else:
            address, host, _ = port.rsplit(":", 2)
            yield address, int(host)


def proxied(program, file, arguments):
    """The program itself reads its file, where it is installed."""
    if not program:
        return
    with tempfile.TemporaryDirectory() as folder:
        text = (ROOT / "deploy/compose" / file).read_text()
        if file == "nginx.conf":
            run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test", "-keyout",
                f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem")
            text = text.replace("/tmp/", f"{folder}/").replace("/etc/nginx/tls", folder)
        Path(folder, file).write_text(text)
        environment = os.environ | {"RELAYS_DOMAIN": "relays.example.com"}
        result = run(program, *arguments, f"{folder}/{file}", env=environment)
        expect(result.returncode == 0, f"deploy/compose/{file}", result.stderr.strip())


def compose():
    if not composer():
        skip("docker-compose.yml", "neither docker compose nor docker-compose is installed")
        return
    services = composed("docker-compose.yml")
    for name, service in services.items():
        where = f"docker-compose.yml: {name}"
        expect(service.get("read_only") is True, where, "its root file system is writable")
        expect(service.get("cap_drop") == ["ALL"], where, "keeps capabilities")
        expect("no-new-privileges:true" in service.get("security_opt", []), where, "may gain privileges")
        expect(not service.get("privileged"), where, "is privileged")
        for address, port in published(service):
            expect(address == "127.0.0.1", where, f"publishes port {port} on {address}")
    for name, port in PORTS.items():
        service = services.get(f"relay-{name}", {})
        where = f"docker-compose.yml: relay-{name}"
        values = settings(service)
        expect([port] == [number for _, number in published(service)], where, f"is not on port {port}")
        expect(service.get("user") == "65532:65532", where, "does not name its user")
        expect(values.get("RELAY_AUTH__AUDIENCE") == f"http://127.0.0.1:{port}", where, "has another audience")
        addresses = {key: values.get(f"RELAY_PROVIDER__{key}", "") for key in RELAYS[name]["addresses"]}
        expect(addresses, where, "has no provider")
        for key, value in addresses.items():
            expect(value.startswith("http://provider-sim:9100/"), where, f"{key} is not the simulator")

    # Every name in .env.example is one that the composition reads; set to nothing, it leaves the simulator.
    example = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text()))
    unread = set(example) - read - {"COMPOSE_FILE", "COMPOSE_PROFILES", "RELAYS_DOMAIN"}
    expect(not unread, ".env.example", f"{sorted(unread)} are read nowhere")
    missing = {name for name in read if not name.endswith("_IMAGE")} - set(example) - {"NAME"}
    expect(not missing, ".env.example", f"lacks {sorted(missing)}")
    for name in ("COMPOSE_FILE", "COMPOSE_PROFILES"):
        example.pop(name, None)
    for name in RELAYS:
        values = settings(composed("docker-compose.yml", variables=example).get(f"relay-{name}", {}))
        # NO_PROXY may still name the simulator.
        left = [key for key, value in values.items() if key.startswith("RELAY_") and "provider-sim" in (value or "")]
        expect(not left, ".env.example", f"with all of it, relay-{name} still has the simulator in {left}")

    # A proxy of the examples gets all relays, sets the headers that they trust, and repeats nothing.
    for file, program, wanted in [
        ("Caddyfile", "caddy", ["header_up X-Request-Id", "import relay relay-{}\n"]),
        ("nginx.conf", "nginx", ["X-Forwarded-For $remote_addr;", "X-Forwarded-Host $host;", "X-Forwarded-Proto https;",
                                 "X-Request-Id $request_id;", "proxy_next_upstream off;"]),
    ]:
        text = (ROOT / "deploy/compose" / file).read_text()
        lacking = {line.format(name) for line in wanted for name in RELAYS} - {line for line in
                   (line.format(name) for line in wanted for name in RELAYS) if line in text}
        expect(not lacking, f"deploy/compose/{file}", f"lacks {sorted(lacking)}")
        service = composed("docker-compose.yml", f"deploy/compose/{program}.yml").get(program, {})
        where = f"deploy/compose/{program}.yml"
        expect(service.get("read_only") is True and service.get("cap_drop") == ["ALL"], where, "is not confined")
        mounted = [volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
                   for volume in service.get("volumes", [])]
        expect(any(source.endswith(file) for source in mounted), where, f"does not mount {file}")
    proxied(tool("nginx"), "nginx.conf", ["-t", "-q", "-c"])
    proxied(tool("caddy"), "Caddyfile", ["validate", "--adapter", "caddyfile", "--config"])

    # Replicas of a relay have one store, one key, and everything else alike.
    replicas = composed("docker-compose.yml", "deploy/compose/replicas.yml")
    one, two = (replicas.get(f"relay-securitytrails{number}", {}) for number in ("", "-2"))
    expect(settings(one) == settings(two), "deploy/compose/replicas.yml", "the replicas have other settings")
    expect("RELAY_SHARED__URL" in settings(one), "deploy/compose/replicas.yml", "the replicas share nothing")
    expect(one.get("secrets") == two.get("secrets"), "deploy/compose/replicas.yml", "the replicas have other secrets")

    secret = composed("docker-compose.yml", "deploy/compose/secrets.yml")
    for name in RELAYS:
        service = secret.get(f"relay-{name}", {})
        where = f"deploy/compose/secrets.yml: relay-{name}"
        sources = [entry["source"] for entry in service.get("secrets", [])]
        expect(sources == [name], where, f"sees the secrets {sources}")
        expect(settings(service).get("RELAY_AUTH__SECRET_KEY_FILE") == "/run/secrets/secret_key", where,
               "does not read its secret")


for check in (list_of_relays, compose, kubernetes, monitoring):
    check()
    print(f"checked: {check.__name__}", flush=True)
if failures:
    sys.exit("\n".join(failures))
