"""The list of relays (relays/relays.toml), and the text that other files hold for each of them.

Files of this repository have regions between lines with `>>> deploy/relays.py: NAME` and `<<< deploy/relays.py`.
Without arguments this program writes them, and the Kubernetes overlays and Dockerfiles of the relays; with `--check`
it lists what differs and exits with code 1.
"""

import difflib
import re
import sys
import textwrap
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELAYS = {relay["name"]: relay for relay in tomllib.loads((ROOT / "relays/relays.toml").read_text())["relay"]}
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
PORTS = {name: relay["port"] for name, relay in RELAYS.items()}
CLAIMS = {name: relay["claims"] for name, relay in RELAYS.items()}
# What all Dockerfiles have in common, and after it the image of a relay.
DOCKERFILE = (ROOT / "deploy/relay.Dockerfile").read_text()

REGION = re.compile(r"^(?P<begin>[^\n]*>>> deploy/relays\.py: (?P<name>\w+)[^\n]*\n)(?P<text>.*?)"
                    r"(?P<end>^[^\n]*<<< deploy/relays\.py)", re.MULTILINE | re.DOTALL)
FILES = ["docker-compose.yml", ".env.example", "deploy/README.md", "deploy/compose/secrets.yml",
         "deploy/prometheus/prometheus.yml", "deploy/kubernetes/overlays/all/kustomization.yaml",
         "deploy/compose/Caddyfile", "deploy/compose/nginx.conf",
         "crates/provider-sim/Dockerfile", "crates/relayctl/Dockerfile"]


def each(template, relays=None):
    """The template for each relay. It is formatted with the relay's entry, NAME, VERSION and `package`."""
    return "".join(template.format(**relay, NAME=name.upper(), VERSION=VERSION, package=f"relay-{name}")
                   for name, relay in RELAYS.items() if relays is None or name in relays)


SETTING = re.compile(r'''Setting::new\(\s*"provider\.(\w+)",\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)",?\s*\)(?:\s*\.default_in_words\(\s*"([^"]*)",?\s*\))?''', re.DOTALL)
CORE = ROOT / "crates/relay-core/src"
LOGIN = CORE / "provider/entra/logins.rs"


def settings_in(text):
    """Name, default and meaning of each provider setting in a Rust source."""
    return [(name.upper(), default, re.sub(r"\\\n\s*", "", meaning) + (f"; default: {words}" if words else ""))
            for name, default, meaning, words in SETTING.findall(text)]


def further(name):
    """The provider settings that only this relay has, but for those with the simulator's addresses."""
    source = (ROOT / f"relays/{name}/src/module.rs").read_text()
    shared = {}
    for const, text in re.findall(r"pub const (\w+): Setting =\s*(Setting::new\(.*?\));", LOGIN.read_text(), re.DOTALL):
        shared[const] = text
    source = re.sub(r"entra::([A-Z_]+),", lambda found: shared[found[1]] + ",", source)
    own = settings_in(source.partition("    settings: &[")[2])
    return [row for row in own if row[0] not in RELAYS[name]["addresses"]]


def every():
    """The provider settings that every relay has."""
    return settings_in((CORE / "settings/mod.rs").read_text())


def further_lines(name):
    return "".join(f"      RELAY_PROVIDER__{setting}: ${{{name.upper()}_{setting}-}}\n" for setting, _, _ in further(name))


def services():
    text = ""
    for name, relay in RELAYS.items():
        text += each("""
  {package}:
    <<: *relay
    image: {package}
    build: {{<<: *build, dockerfile: relays/{name}/Dockerfile}}
    ports: ["127.0.0.1:{port}:9090"]
    environment:
      <<: *settings
      RELAY_AUTH__AUDIENCE: ${{{NAME}_AUDIENCE-http://127.0.0.1:{port}}}
      RELAY_AUTH__JWKS_HOSTS: ${{{NAME}_JWKS_HOSTS-http://provider-sim:9100}}
""", [name])
        for setting, path in relay["addresses"].items():
            variable = f"{name.upper()}_{setting}"
            text += f"      RELAY_PROVIDER__{setting}: ${{{variable}-http://provider-sim:9100{path}}}\n"
        text += further_lines(name)
    return text.removeprefix("\n")


def providers():
    text = ""
    for name, relay in RELAYS.items():
        addresses = "".join(f"#{name.upper()}_{setting}=\n" for setting in relay["addresses"])
        text += each("\n# {title}\n", [name]) + addresses
        text += each("#{NAME}_JWKS_HOSTS=\n#{NAME}_AUDIENCE=https://{name}.relays.example.com\n", [name])
        for setting, default, meaning in further(name):
            # A default that the text names already, such as one that depends on others.
            text += "".join(f"# {line}\n" for line in textwrap.wrap(meaning, 118))
            text += f"#{name.upper()}_{setting}={default}\n"
    return text.removeprefix("\n")


def overlay(name):
    secret = RELAYS[name].get("shared_secret")
    store = "  # Several replicas, which share their state in a store (deploy/README.md):\n  # - ../../components/shared-store\n"
    component = ("  # Also tokens signed with a shared secret, as modules made for the Python relay have them. If all\n"
                 "  # tokens are RS256, remove this line and the last patch.\n  - ../../components/shared-secret\n")
    if not secret:
        component = "  # Also tokens signed with a shared secret:\n  # - ../../components/shared-secret\n"
    patch = ("  - patch: |-\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {{name: relay}}\n"
             "      spec: {{template: {{spec: {{volumes: [{{name: secret-key, "
             "secret: {{secretName: {package}-secret-key}}}}]}}}}}}\n")
    if not secret:
        patch = "".join(f"  # {line[2:]}" for line in patch.splitlines(keepends=True))
    return each("""# Written by deploy/relays.py. Copy it to change it.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
components:
  - ../../components/ingress
  # The Gateway API instead, since ingress-nginx is no longer maintained:
  # - ../../components/gateway
""" + store + component + """nameSuffix: -{name}
labels:
  - pairs: {{app.kubernetes.io/name: {package}}}
    includeSelectors: true
images:
  - {{name: relay, newName: registry.example.com/{package}, newTag: {VERSION}}}
configMapGenerator:
  - name: relay-settings
    behavior: merge
    literals:
      - RELAY_AUTH__AUDIENCE=https://{name}.relays.example.com
patches:
  - target: {{kind: Ingress}}
    patch: |-
      - {{op: replace, path: /spec/rules/0/host, value: {name}.relays.example.com}}
      - {{op: replace, path: /spec/tls/0/hosts/0, value: {name}.relays.example.com}}
      - {{op: replace, path: /spec/tls/0/secretName, value: {package}-tls}}
  - target: {{kind: HTTPRoute}}
    patch: |-
      - {{op: replace, path: /spec/hostnames/0, value: {name}.relays.example.com}}
""" + patch, [name])


def dockerfile(name):
    return each("""# {package}, between Cisco XDR and {title}. From the root of the repository:
#   docker build -f relays/{name}/Dockerfile -t {package} .
ARG PROGRAM={package}
ARG PROGRAMS="--bin {package}"
ARG DESCRIPTION="Relay between Cisco XDR and {title}"

# The rest is the same for every relay: change deploy/relay.Dockerfile, then run deploy/relays.py.
#
""", [name]) + DOCKERFILE


REGIONS = {
    "every": lambda: "".join(f"  RELAY_PROVIDER__{setting}: ${{RELAY_PROVIDER_{setting}-}}\n" for setting, _, _ in every()),
    "every_example": lambda: "".join(f"# {meaning}\n#RELAY_PROVIDER_{setting}={default}\n"
                                     for setting, default, meaning in every()),
    "services": services,
    "providers": providers,
    "users": lambda: each("  {package}:\n    environment: *settings\n"
                          "    secrets: [{{source: {name}, target: secret_key}}]\n"),
    "secrets": lambda: each('  {name}: {{file: "${{RELAY_SECRETS-./secrets}}/{name}"}}\n'),
    "replica": lambda: further_lines("securitytrails"),
    "caddy": lambda: each("{name}.{{$RELAYS_DOMAIN}} {{\n\timport relay {package}\n}}\n"),
    "nginx": lambda: f"        server_name ~^(?<relay>{'|'.join(RELAYS)})\\.;\n",
    "targets": lambda: each("          - {package}:9091\n"),
    "overlays": lambda: each("  - ../{name}\n"),
    "table": lambda: "| service | address | calls |\n|---|---|---|\n| provider-sim | http://127.0.0.1:9100 | nothing: it "
             "plays the providers, Microsoft's login and the platform's keys |\n"
             + each("| {package} | http://127.0.0.1:{port} | {title} |\n")
             + "| prometheus, grafana | http://127.0.0.1:9190, http://127.0.0.1:9191 | with `--profile monitoring` |\n",
    "stages": lambda: DOCKERFILE.partition("# --- program")[0],
}


def wanted():
    """Every file that this program writes, with its text."""
    for file in FILES:
        text = (ROOT / file).read_text()
        if not REGION.search(text):
            sys.exit(f"{file}: no region of deploy/relays.py")
        yield file, REGION.sub(lambda found: found["begin"] + REGIONS[found["name"]]() + found["end"], text)
    for name in RELAYS:
        yield f"relays/{name}/Dockerfile", dockerfile(name)
        yield f"deploy/kubernetes/overlays/{name}/kustomization.yaml", overlay(name)


def differences():
    """What `--check` reports, a text per file."""
    for file, text in wanted():
        path = ROOT / file
        present = path.read_text() if path.exists() else ""
        if present != text:
            lines = difflib.unified_diff(present.splitlines(), text.splitlines(), file, "relays/relays.toml", "", "",
                                         n=0, lineterm="")
            yield file + " differs; deploy/relays.py writes it:\n" + "\n".join(lines)


def main():
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(differences()) or 0)
    if sys.argv[1:]:
        sys.exit(__doc__)
    for file, text in wanted():
        path = ROOT / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"written: {file}")


if __name__ == "__main__":
    main()
