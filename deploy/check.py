"""Checks of the files that run the relays, without a container engine.

Each function below is one check and reports problems with `fail`. Run it with check.sh, which installs the tools.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

import relays
from relays import PORTS, RELAYS, ROOT

KUBERNETES = ROOT / "deploy/kubernetes"
# The oldest version with all that the manifests use, and a recent one.
VERSIONS = ["1.31", "1.33"]

failures = []


def fail(where, what):
    failures.append(f"{where}: {what}")


def expect(condition, where, what):
    if not condition:
        fail(where, what)


def skip(what, why):
    """Reports a check that was skipped; in CI, that is a failure."""
    print(f"NOT CHECKED: {what}: {why}", flush=True)
    expect(not os.environ.get("CI"), what, f"not checked, {why}")


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)


def tool(*names):
    """The first of these programs that is installed."""
    return next((found for name in names if (found := shutil.which(name))), None)


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


# --- Kubernetes ---------------------------------------------------------------------------------------------------


@functools.cache
def kustomizer():
    """The command that builds an overlay; none if it is missing or too old for components."""
    if tool("kustomize"):
        return ("kustomize", "build")
    version = run("kubectl", "version", "--client", "--output=json").stdout if tool("kubectl") else ""
    # Printed since Kubernetes 1.24. Debian 12 has an older one.
    return ("kubectl", "kustomize") if "kustomizeVersion" in version else None


def kustomize(folder):
    result = run(*kustomizer(), os.path.relpath(folder, ROOT))
    where = os.path.relpath(folder, KUBERNETES)
    if result.returncode:
        fail(where, result.stderr.strip())
    expect("deprecated" not in result.stderr, where, result.stderr.strip())
    return [document for document in yaml.safe_load_all(result.stdout) if document]


def everything():
    """The overlay with all relays and every optional component."""
    with tempfile.TemporaryDirectory(dir=KUBERNETES) as folder:
        documents = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../overlays/all"],
            "components": ["../components/service-monitor"],
        }
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(documents))
        return kustomize(folder)


def of_kind(resources, kind):
    return [resource for resource in resources if resource["kind"] == kind]


def matches(selector, labels):
    return selector and all(labels.get(key) == value for key, value in selector.items())


def secured(where, pod):
    """The restricted Pod Security Standard and more."""
    expect(pod["securityContext"].get("runAsNonRoot") is True, where, "may run as root")
    expect(pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where, "has no seccomp profile")
    expect(pod.get("automountServiceAccountToken") is False, where, "gets a token of the cluster")
    for container in pod["containers"]:
        context = container["securityContext"]
        expect(context.get("allowPrivilegeEscalation") is False, where, "may gain privileges")
        expect(context.get("readOnlyRootFilesystem") is True, where, "can write its root file system")
        expect(context.get("capabilities") == {"drop": ["ALL"]}, where, "keeps capabilities")
        expect(container["resources"]["limits"].get("memory"), where, "has no memory limit")
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            expect(container[probe]["httpGet"]["port"] == "admin", where, f"{probe} is not on the admin port")


def with_store(name):
    """The overlay with the component that its comment offers."""
    text = (KUBERNETES / "overlays" / name / "kustomization.yaml").read_text()
    expect("  # - ../../components/shared-store\n" in text, f"overlays/{name}", "does not offer the shared store")
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays") as folder:
        Path(folder, "kustomization.yaml").write_text(text.replace("  # - ../../components/shared-store",
                                                                   "  - ../../components/shared-store"))
        return kustomize(folder)


def shared_store(name, resources, store):
    """Several replicas, each with the store's address and secrets, which may connect to it."""
    where = f"overlays/{name} with components/shared-store"
    by_kind = {resource["kind"]: resource for resource in resources}
    spec, data = by_kind["Deployment"]["spec"], by_kind["ConfigMap"]["data"]
    expect("replicas" not in spec, where, "number of replicas and autoscaler contradict each other")
    target = by_kind["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
    expect(target == by_kind["Deployment"]["metadata"]["name"], where, "the autoscaler has no target")
    [service] = of_kind(store, "Service")
    port = service["spec"]["ports"][0]["port"]
    expect(data.get("RELAY_SHARED__URL") == f"redis://{service['metadata']['name']}:{port}/0", where,
           "calls another store")
    pod = spec["template"]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["spec"]["volumes"]}
    expect(secrets.get("shared-store") == "relay-shared-store", where, "has no secret of the store")
    for setting in ("RELAY_SHARED__KEY_FILE", "RELAY_SHARED__PASSWORD_FILE"):
        expect(data.get(setting, "").startswith(mounts.get("shared-store", "?")), where, f"{setting} is not mounted")
    [server] = of_kind(store, "Deployment")
    server = server["spec"]["template"]["metadata"]["labels"]
    peers = [peer for rule in by_kind["NetworkPolicy"]["spec"]["egress"] for peer in rule["to"]]
    expect(any(selects(peer, server) for peer in peers), where, "may not connect to the store")
    [policy] = of_kind(store, "NetworkPolicy")
    peers = [peer for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    expect(any(selects(peer, pod["metadata"]["labels"]) for peer in peers), where, "the store lets nobody in")
    expect(matches(policy["spec"]["podSelector"]["matchLabels"], server), "valkey", "its policy does not hold for it")
    expect(matches(service["spec"]["selector"], server), "valkey", "its service does not select it")
    expect(not matches(service["spec"]["selector"], pod["metadata"]["labels"]), where, "is taken for the store")


def selects(peer, labels):
    rules = peer.get("podSelector", {}).get("matchExpressions", [])
    return rules and all(rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"] for rule in rules)


def one_relay(name, resources, scaled=False):
    where = f"overlays/{name}"
    kinds = sorted(resource["kind"] for resource in resources)
    expect(kinds == ["ConfigMap", "Deployment", *["HorizontalPodAutoscaler"] * scaled, "Ingress", "NetworkPolicy",
                     "PodDisruptionBudget", "Service", "ServiceAccount"], where, f"has {kinds}")
    by_kind = {resource["kind"]: resource for resource in resources}
    deployment, service, ingress = by_kind["Deployment"], by_kind["Service"], by_kind["Ingress"]
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    secured(where, pod["spec"])
    container = pod["spec"]["containers"][0]
    expect(f"/relay-{name}:" in container["image"], where, f"runs {container['image']}")
    expect(container["envFrom"] == [{"configMapRef": {"name": by_kind["ConfigMap"]["metadata"]["name"]}}], where,
           "does not read its settings")
    for selector, of in [
        (deployment["spec"]["selector"]["matchLabels"], "Deployment"),
        (service["spec"]["selector"], "Service"),
        (by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], "PodDisruptionBudget"),
        (by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"], "NetworkPolicy"),
        *((spread["labelSelector"]["matchLabels"], "topology spread")
          for spread in pod["spec"]["topologySpreadConstraints"]),
    ]:
        expect(matches(selector, labels), where, f"the {of} does not select the pods")
        expect(f"relay-{name}" in selector.values(), where, f"the {of} selects the pods of other relays")
    expect(scaled or deployment["spec"].get("replicas") == 1, where, "has several replicas that share nothing")
    peers = [peer for rule in by_kind["NetworkPolicy"]["spec"]["egress"] for peer in rule["to"]]
    expect(not any("matchLabels" in peer.get("podSelector", {}) for peer in peers), where,
           "egress to pods that have this relay's labels")
    rule = ingress["spec"]["rules"][0]
    expect(by_kind["ConfigMap"]["data"]["RELAY_AUTH__AUDIENCE"] == f"https://{rule['host']}", where,
           "audience and ingress host differ")
    expect(ingress["spec"]["tls"][0]["hosts"] == [rule["host"]], where, "the certificate is for another host")
    backend = rule["http"]["paths"][0]["backend"]["service"]
    expect(backend == {"name": service["metadata"]["name"], "port": {"name": "http"}}, where, "ingress to nowhere")
    mounted = any(volume.get("secret", {}).get("secretName") == f"relay-{name}-secret-key"
                  for volume in pod["spec"].get("volumes", []))
    wanted = "RELAY_AUTH__SECRET_KEY_FILE" in by_kind["ConfigMap"]["data"]
    expect(mounted == wanted, where, "secret and setting do not match")


def with_gateway(name):
    """The overlay of a relay with the component `gateway`, in place of the Ingress and beside it."""
    text = (KUBERNETES / "overlays" / name / "kustomization.yaml").read_text()
    offered, ingress = "  # - ../../components/gateway\n", "  - ../../components/ingress\n"
    expect(offered in text, f"overlays/{name}", "does not offer the Gateway API")
    for remove, where in [(ingress, f"overlays/{name} with gateway"), ("", f"overlays/{name} with both")]:
        with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays") as folder:
            changed = text.replace(offered, offered.replace("# ", "")).replace(remove or "\0", "")
            Path(folder, "kustomization.yaml").write_text(changed)
            resources = kustomize(folder)
        by_kind = {resource["kind"]: resource for resource in resources}
        expect(("Ingress" in by_kind) == (not remove), where, f"has {sorted(by_kind)}")
        route = by_kind.get("HTTPRoute", {}).get("spec", {})
        expect(route.get("hostnames") == [f"{name}.relays.example.com"], where, f"is for {route.get('hostnames')}")
        audience = by_kind["ConfigMap"]["data"]["RELAY_AUTH__AUDIENCE"]
        expect(audience == f"https://{name}.relays.example.com", where, "audience and host of the route differ")
        [rule] = route.get("rules", [{}])
        service = by_kind["Service"]
        ports = [port["port"] for port in service["spec"]["ports"] if port["name"] == "http"]
        backends = [(backend["name"], backend["port"]) for backend in rule.get("backendRefs", [])]
        expect(backends == [(service["metadata"]["name"], *ports)], where, f"route to nowhere: {backends}")
        expect(rule.get("timeouts", {}).get("request") == "35s" and "retry" not in rule, where, "cuts or repeats requests")
        parents = [(parent["namespace"], parent["name"]) for parent in route.get("parentRefs", [])]
        expect(parents == [("gateway", "relays")], where, f"is attached to {parents}")
        peers = [peer["namespaceSelector"]["matchLabels"] for peer in by_kind["NetworkPolicy"]["spec"]["ingress"][0]["from"]]
        expect({"kubernetes.io/metadata.name": "gateway"} in peers, where, "the policy lets no gateway in")
        for resource in resources:
            # The Gateway API is an extension, whose schema no version of Kubernetes has.
            if resource["kind"] != "HTTPRoute":
                validate(f"{where}: {resource['kind']}", resource)
        expect(not any("namespace" in resource["metadata"] for resource in resources), where, "fixes a namespace")


def with_workload_identity(name):
    """The overlay of a relay with the component `workload-identity` before its others, as the component says."""
    overlay = yaml.safe_load((KUBERNETES / "overlays" / name / "kustomization.yaml").read_text())
    overlay["components"].insert(0, "../../components/workload-identity")
    with tempfile.TemporaryDirectory(dir=KUBERNETES / "overlays") as folder:
        Path(folder, "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        resources = kustomize(folder)
    if not resources:
        return resources
    one_relay(name, resources)
    where = f"overlays/{name} with workload-identity"
    by_kind = {resource["kind"]: resource for resource in resources}
    pod = by_kind["Deployment"]["spec"]["template"]["spec"]
    annotations = by_kind["ServiceAccount"]["metadata"].get("annotations", {})
    expect("azure.workload.identity/client-id" in annotations, where, "the service account names no application")
    expect(pod["serviceAccountName"] == by_kind["ServiceAccount"]["metadata"]["name"], where, "has another account")
    values = by_kind["ConfigMap"]["data"]
    expect(values.get("RELAY_PROVIDER__CREDENTIAL") == "federated", where, "logs in by a secret")
    tokens = {
        f'{mount["mountPath"]}/{source["serviceAccountToken"]["path"]}': source["serviceAccountToken"]["audience"]
        for mount in pod["containers"][0]["volumeMounts"]
        for volume in pod["volumes"] if volume["name"] == mount["name"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    expect(tokens == {values.get("RELAY_PROVIDER__FEDERATED_TOKEN_FILE"): "api://AzureADTokenExchange"}, where,
           f"has the tokens {tokens}")
    return resources


def validate(where, resource):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            fail(f"{where} ({version})", error.message)


def kubernetes():
    if not kustomizer():
        skip("deploy/kubernetes", "neither kustomize nor kubectl 1.24 or newer is installed")
        return
    store = kustomize(KUBERNETES / "valkey")
    for name in RELAYS:
        resources = kustomize(KUBERNETES / "overlays" / name)
        if resources:
            one_relay(name, resources)
        with_gateway(name)
        resources = with_store(name)
        if resources:
            one_relay(name, resources, scaled=True)
            shared_store(name, resources, store)
        if "entra::CREDENTIAL" in (ROOT / "relays" / name / "src/module.rs").read_text():
            for resource in with_workload_identity(name):
                validate(f"overlays/{name} with workload-identity: {resource['kind']}", resource)
    resources = everything()
    for where, documents in [("valkey", store), ("overlays/xforce with shared-store", with_store("xforce"))]:
        for document in documents:
            validate(f"{where}: {document['kind']}", document)
    named = [(resource["kind"], resource["metadata"]["name"]) for resource in resources]
    expect(len(named) == len(set(named)), "overlays/all", "two resources have the same name")
    expect(len(of_kind(resources, "Deployment")) == len(RELAYS), "overlays/all", "does not hold every relay once")
    expect(not of_kind(resources, "Secret"), "overlays/all", "holds a secret")
    fixed = [resource["kind"] for resource in resources if "namespace" in resource["metadata"]]
    expect(not fixed, "overlays/all", f"fixes a namespace of {fixed}, which is the user's choice")
    for resource in resources:
        where = f"overlays/all: {resource['kind']} {resource['metadata']['name']}"
        if resource["apiVersion"].startswith("monitoring.coreos.com/"):
            selector = resource["spec"]["selector"]["matchLabels"]
            services = of_kind(resources, "Service")
            expect(all(matches(selector, service["metadata"]["labels"]) for service in services), where,
                   "does not select every service")
            continue
        validate(where, resource)


# --- Monitoring ---------------------------------------------------------------------------------------------------


# What the process collector of the crate `prometheus` exports.
PROCESS = {f"process_{name}" for name in (
    "cpu_seconds_total", "open_fds", "max_fds", "virtual_memory_bytes", "resident_memory_bytes", "start_time_seconds",
    "threads")}


def monitoring():
    """Rules and dashboard use existing metrics and labels."""
    sources = ("telemetry/metrics.rs", "shared/metrics.rs")
    source = "".join((ROOT / "crates/relay-core/src" / file).read_text() for file in sources)
    # A name, a description, and labels as a list or as a single text.
    declared = re.findall(r'"(relay_[a-z_]+)",\s*"[^"]*"(?:,\s*(?:&\[([^\]]*)\]|"([a-z_]+)"))?', source)
    labels = {name: {"relay", "le", "job", "instance", *re.findall(r"\w+", several + one)}
              for name, several, one in declared}
    exported = set(labels)
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/relays.json").read_text())
    shown = json.dumps(dashboard)
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text()
    for where, text in [("dashboard", shown), ("rules.yml", rules)]:
        # Names before a selector, a range or a comma, unlike words of prose and recorded names.
        used = set(re.findall(r"\b(relay_[a-z_]+)(?=[{\[,])", text))
        unknown = {re.sub("_(bucket|sum|count)$", "", metric) for metric in used} - exported
        expect(used and not unknown, where, f"uses {sorted(unknown)}, which no relay exports")
        unknown = set(re.findall(r"\bprocess_[a-z_]+", text)) - PROCESS
        expect(not unknown, where, f"uses {sorted(unknown)}, which no process exports")
        for metric, selector in re.findall(r"\b(relay_[a-z_]+)\{([^}]*)\}", text):
            metric = re.sub("_(bucket|sum|count)$", "", metric)
            unknown = set(re.findall(r"(\w+) ?[=!]~?", selector)) - labels.get(metric, set())
            expect(not unknown, where, f"selects {metric} by {sorted(unknown)}, which it does not have")
    unseen = {metric for metric in exported if metric not in shown}
    expect(not unseen, "dashboard", f"does not show {sorted(unseen)}")
    numbers = [panel["id"] for panel in dashboard["panels"]]
    expect(len(numbers) == len(set(numbers)), "dashboard", "two panels have the same id")
    for group in yaml.safe_load(rules)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                expect({"summary", "description"} <= set(rule["annotations"]), rule["alert"], "has no summary or description")
                expect(rule["labels"]["severity"] in ("warning", "critical"), rule["alert"], "has no severity")
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


for check in (list_of_relays, compose, kubernetes, monitoring):
    check()
    print(f"checked: {check.__name__}", flush=True)
if failures:
    sys.exit("\n".join(failures))
