"""Checks of the Kubernetes manifests: built by kustomize, validated, and related to each other."""

import functools
import os
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

from checks import expect, fail, run, skip, tool
from relays import RELAYS, ROOT

KUBERNETES = ROOT / "deploy/kubernetes"
# The oldest version with all that the manifests use, and a recent one.
VERSIONS = ["1.31", "1.33"]


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
