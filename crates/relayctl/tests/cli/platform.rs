//! Registration before the simulated platform: `relayctl module-type --push`, `module-instance`, and the guide.

use std::process::Command;

use provider_sim::{Fault, Options, Sim, What};
use relay_core::server::{self, Running};
use relay_core::settings::{Environment, Settings};
use serde_json::{Value, json};

use crate::{Ran, Scratch, program, ran};

/// A client of its own for a test.
#[expect(clippy::disallowed_methods, reason = "the platform is called by hand here")]
fn http() -> reqwest::Client {
    reqwest::Client::new()
}

const PASSWORD: &str = "sim-password";
const SECRET: &str = "0123456789-a-shared-secret-of-64-characters-abcdefghijklmnopqrstu";
/// What the relay sends to its provider; the simulator knows it.
const PROVIDER_PASSWORD: &str = "demo-password";

/// The simulator, and a relay that its platform can reach.
struct World {
    sim: Sim,
    relay: Running,
    scratch: Scratch,
    /// All that commands printed.
    printed: String,
}

impl World {
    async fn start(test: &str) -> Self {
        let sim = Sim::start(Options::default()).await.unwrap();
        let settings = [
            ("RELAY_LISTEN", "127.0.0.1:0".to_owned()),
            ("RELAY_ADMIN_LISTEN", "off".to_owned()),
            ("RELAY_WORKERS", "1".to_owned()),
            ("RELAY_DRAIN_DELAY", "0s".to_owned()),
            ("RELAY_AUTH__JWKS_HOSTS", sim.url()),
            ("RELAY_AUTH__SECRET_KEY", SECRET.to_owned()),
            ("RELAY_PROVIDER__API_URL", format!("{}/xforce", sim.url())),
        ];
        let relay = relay_xforce::relay();
        let settings = Settings::load(relay.module(), Environment::of(settings)).unwrap();
        let relay = server::start(&relay, &settings.settings).unwrap();
        Self { sim, relay, scratch: Scratch::new(test), printed: String::new() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.relay.address)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command
            .env("XDR_CLIENT_ID", "client-sim")
            .env("XDR_CLIENT_PASSWORD", PASSWORD)
            .env("XDR_PLATFORM", format!("{}/platform", self.sim.url()));
        command
    }

    /// Runs a command to its end.
    fn run(&mut self, arguments: &[&str]) -> Ran {
        let command = self.command(arguments);
        self.run_with(command)
    }

    fn run_with(&mut self, mut command: Command) -> Ran {
        let ran = tokio::task::block_in_place(|| ran(&mut command, ""));
        self.printed.push_str(&ran.out);
        self.printed.push_str(&ran.err);
        ran
    }

    fn push(&mut self, further: &[&str]) -> Ran {
        let url = self.url();
        self.run(&[&["module-type", "xforce", "--url", &url, "--push"], further].concat())
    }

    /// The calls of a method to a path of the platform's API.
    fn calls(&self, method: &str, path: &str) -> Vec<Value> {
        let calls = self.sim.calls_to("platform");
        let asked = calls.iter().filter(|call| call.method == method && call.path.contains(path));
        asked.map(|call| serde_json::from_slice(&call.body).unwrap_or_default()).collect()
    }

    fn credentials(&self) -> String {
        let file = self.scratch.path("claims.json");
        std::fs::write(&file, json!({"key": "demo-key", "password": PROVIDER_PASSWORD}).to_string()).unwrap();
        file
    }

    fn instance(&mut self, module_type: &str, further: &[&str]) -> Ran {
        let file = self.credentials();
        self.run(
            &[&["module-instance", "xforce", "--module-type", module_type, "--file", &file], further]
                .concat(),
        )
    }

    /// Nothing secret was printed.
    fn check_output(&self) {
        for secret in [PASSWORD, PROVIDER_PASSWORD, SECRET, "eyJ", "demo-key"] {
            assert!(!self.printed.contains(secret), "{secret} was printed: {}", self.printed);
        }
    }
}

/// The id at the end of a line that begins so.
fn id(ran: &Ran, line: &str) -> String {
    let found = ran.out.lines().find_map(|one| one.strip_prefix(line));
    found.unwrap_or_else(|| panic!("no `{line}`: {}{}", ran.out, ran.err)).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_type_is_made_once_and_then_changed_by_field() {
    let mut world = World::start("push").await;
    let dry = world.push(&[]);
    assert_eq!(dry.code, Some(0), "{}", dry.err);
    assert!(dry.out.contains("nothing was sent"), "{}", dry.out);
    assert_eq!(world.calls("POST", "module-type").len(), 0);
    assert_eq!(world.push(&["--check-remote"]).code, Some(2), "not beside --push");

    let made = world.push(&["--yes"]);
    let made = id(&made, "created module type ");
    let again = world.push(&["--yes"]);
    assert!(again.out.contains("up to date"), "{}{}", again.out, again.err);
    assert_eq!((world.calls("POST", "module-type").len(), world.calls("PATCH", "").len()), (1, 0));

    // Somebody has changed it on the platform.
    let token = token(&world.sim).await;
    let url = format!("{}/platform/iroh/iroh-int/module-type/{made}", world.sim.url());
    let changed = json!({"description": "other", "properties": {"supported-apis": ["health"]}});
    let http = http();
    let answer = http.patch(&url).bearer_auth(&token).json(&changed).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let shown = world.push(&[]);
    assert!(
        shown.out.contains("~ description:") && shown.out.contains("+ properties.supported-apis[tiles]"),
        "{}",
        shown.out
    );
    let url = world.url();
    let differs = world.run(&["module-type", "xforce", "--url", &url, "--check-remote"]);
    assert_eq!(differs.code, Some(3));
    assert_eq!(world.calls("PATCH", "").len(), 1, "only ours by hand");
    assert_eq!(world.push(&["--yes"]).code, Some(0));
    let patches = world.calls("PATCH", "");
    let fields: Vec<&String> = patches[1].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["description", "properties"]);
    assert_eq!(patches[1]["properties"]["supported-apis"].as_array().unwrap().len(), 7, "sent whole");
    assert_eq!(world.run(&["module-type", "xforce", "--url", &url, "--check-remote"]).code, Some(0));
    world.check_output();
}

async fn token(sim: &Sim) -> String {
    let request = http().post(format!("{}/platform/iroh/oauth2/token", sim.url()));
    let request =
        request.basic_auth("client-sim", Some(PASSWORD)).form(&[("grant_type", "client_credentials")]);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_own_types_are_left_alone_and_several_of_ours_are_named() {
    let mut world = World::start("several").await;
    for url in ["https://one.example", "https://two.example"] {
        let ran = world.run(&["module-type", "defender", "--url", url, "--push", "--yes"]);
        match url {
            // The platform has a type of this title, which is not ours.
            "https://one.example" => assert!(ran.out.contains("created"), "{}{}", ran.out, ran.err),
            _ => assert!(ran.out.contains("changed"), "{}{}", ran.out, ran.err),
        }
    }
    let mut other: Value = world.calls("POST", "module-type").remove(0);
    other["properties"]["url"] = json!("https://three.example");
    let token = token(&world.sim).await;
    let url = format!("{}/platform/iroh/iroh-int/module-type", world.sim.url());
    http().post(url).bearer_auth(&token).json(&other).send().await.unwrap();
    let ran = world.run(&["module-type", "defender", "--url", "https://four.example", "--push", "--yes"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--id: ") && ran.err.matches("-0000-4000-8000-").count() == 2, "{}", ran.err);
    let global = "c15c0001-0000-4000-8000-0000c15c0001";
    let ran = world.run(&[
        "module-type",
        "defender",
        "--url",
        "https://x.example",
        "--push",
        "--yes",
        "--id",
        global,
    ]);
    assert!(ran.err.contains("the platform's own"), "{}{}", ran.out, ran.err);
    let ran = world.run(&["module-type", "defender", "--delete", "--yes", "--id", global]);
    assert!(ran.err.contains("the platform's own"), "{}{}", ran.out, ran.err);
    assert!(world.calls("DELETE", "").is_empty());
    world.check_output();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_made_checked_listed_and_removed() {
    let mut world = World::start("instance").await;
    let made = world.push(&["--yes"]);
    let module_type = id(&made, "created module type ");
    let dry = world.instance(&module_type, &[]);
    assert!(
        dry.out.contains("nothing was sent") && dry.out.contains("custom_password"),
        "{}{}",
        dry.out,
        dry.err
    );
    assert!(world.calls("POST", "module-instance").is_empty());
    let made = world.instance(&module_type, &["--yes"]);
    assert_eq!(made.code, Some(0), "{}{}", made.out, made.err);
    assert!(made.out.contains("health: ok"), "{}", made.out);
    let instance = id(&made, "created module instance ");

    let wrong = world.instance(&module_type, &["--yes", "--name", "Wrong", "--set", "key=nobody"]);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.out.contains("authorization error: Authorization failed: "), "{}", wrong.out);
    let missing =
        world.run(&["module-instance", "xforce", "--module-type", &module_type, "--set", "key=a", "--yes"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("`password`"), "{}", missing.err);

    let listed = world.run(&["module-instance", "--list", "--module-type", &module_type]);
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    let refused = world.run(&["module-type", "xforce", "--delete", "--id", &module_type, "--yes"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains(&instance), "{}", refused.err);
    assert!(world.calls("DELETE", "").is_empty());
    for line in listed.out.lines() {
        let one = line.split_whitespace().next().unwrap();
        assert_eq!(world.run(&["module-instance", "--delete", one]).code, Some(0));
        assert_eq!(world.run(&["module-instance", "--delete", one, "--yes"]).code, Some(0));
    }
    assert_eq!(world.calls("DELETE", "module-instance").len(), 2);
    assert_eq!(
        world.run(&["module-type", "xforce", "--delete", "--id", &module_type, "--yes"]).code,
        Some(0)
    );
    assert!(world.run(&["module-instance", "--list"]).out.contains("no instances"));
    world.check_output();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_works_from_end_to_end_and_is_never_printed() {
    let mut world = World::start("hs256").await;
    let url = world.url();
    let printed = world.run(&["module-type", "xforce", "--url", &url, "--auth", "hs256"]);
    let module_type: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(module_type["properties"]["configuration-token-alg"], "HS256");
    assert_eq!(module_type["properties"]["configuration-token-key"], "REPLACE_WITH_SECRET");
    assert!(module_type["properties"].get("custom_jwks_host").is_none());
    assert_eq!(world.push(&["--auth", "hs256"]).code, Some(2), "without the secret");

    let file = world.scratch.path("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let hs256 = ["--auth", "hs256", "--secret-file", &file, "--yes"];
    let made = world.push(&hs256);
    let module_type = id(&made, "created module type ");
    let made = world.instance(&module_type, &["--yes"]);
    assert!(made.out.contains("health: ok"), "{}{}", made.out, made.err);
    std::fs::write(&file, "another-secret-that-the-relay-does-not-have-yet").unwrap();
    let changed = world.push(&hs256);
    assert!(changed.out.contains("~ properties.configuration-token-key: (changed)"), "{}", changed.out);
    assert!(!world.printed.contains("another-secret"), "{}", world.printed);
    let instance = id(&made, "created module instance ");
    let health = world.run(&["module-instance", "--health", &instance]);
    assert_eq!(health.code, Some(1));
    assert!(health.out.contains("authorization error"), "{}", health.out);
    // Back to the platform's own keys.
    assert_eq!(world.push(&["--yes"]).code, Some(0));
    assert!(world.run(&["module-instance", "--health", &instance]).out.contains("health: ok"));
    world.check_output();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_never_repeated_and_a_token_that_ended_is_replaced_once() {
    let mut world = World::start("faults").await;
    let made = world.push(&["--yes"]);
    let module_type = id(&made, "created module type ");
    world.sim.faults().add(Fault::new(What::ResetLate).on("platform").path("/module-instance").next(1));
    let ran = world.instance(&module_type, &["--yes"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("may have been made all the same"), "{}", ran.err);
    assert_eq!(world.calls("POST", "module-instance").len(), 1);
    let listed = world.run(&["module-instance", "--list"]);
    assert_eq!(listed.out.lines().count(), 1, "it had arrived: {}", listed.out);

    world.sim.reset();
    world.sim.faults().add(Fault::new(What::ExpiredTokens).on("platform").path("/iroh/iroh-int").next(1));
    let made = world.push(&["--yes"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(world.calls("POST", "oauth2/token").len(), 2);

    world.sim.reset();
    world
        .sim
        .faults()
        .add(Fault::status(429).header("Retry-After", "3172s").on("platform").path("/iroh/iroh-int"));
    let busy = world.push(&["--yes"]);
    assert_eq!(busy.code, Some(1));
    assert!(busy.err.contains("again in 3172 s"), "{}", busy.err);
    world.check_output();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_a_file_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::start("credentials").await;
    let url = world.url();
    let file = world.scratch.path("xdr.env");
    let push = |world: &World| {
        let mut command =
            world.command(&["module-type", "xforce", "--url", &url, "--push", "--credentials", &file]);
        command.env_remove("XDR_CLIENT_ID").env_remove("XDR_CLIENT_PASSWORD");
        command
    };
    std::fs::write(&file, format!("# client\nXDR_CLIENT_ID=client-sim\nXDR_CLIENT_PASSWORD={PASSWORD}\n"))
        .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let command = push(&world);
    let open = world.run_with(command);
    assert!(open.err.contains("chmod 600"), "{}", open.err);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let command = push(&world);
    let closed = world.run_with(command);
    assert_eq!(closed.code, Some(0), "{}", closed.err);

    let mut nobody = world.command(&["module-type", "xforce", "--url", &url, "--push"]);
    nobody.env("XDR_CLIENT_PASSWORD", "wrong-password");
    let refused = world.run_with(nobody);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("invalid_client") && !refused.err.contains("wrong-password"),
        "{}",
        refused.err
    );
    let mut reader = world.command(&["module-type", "xforce", "--url", &url, "--push", "--yes"]);
    reader.env("XDR_CLIENT_ID", "client-read").env("XDR_CLIENT_PASSWORD", "read-password");
    let refused = world.run_with(reader);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("insufficient_scope") && refused.err.contains("scope Integration"),
        "{}",
        refused.err
    );
    let mut open = world.command(&["module-type", "xforce", "--url", &url, "--push"]);
    open.env("XDR_PLATFORM", "http://platform.example");
    assert!(world.run_with(open).err.contains("unencrypted"));
    world.check_output();
}

/// The commands of the guide, in its order, with the addresses of this test.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_to_a_green_health_check() {
    let mut world = World::start("guide").await;
    let guide = include_str!("../../../../docs/registering.md");
    let blocks =
        guide.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    let script: String = blocks.collect();
    let credentials = format!("XDR_CLIENT_PASSWORD={PASSWORD}");
    let password = format!("\"password\": \"{PROVIDER_PASSWORD}\"");
    let mut here = script;
    for (there, ours) in [
        ("RELAY=https://xforce.relays.example", format!("RELAY={}", world.url())),
        ("API=https://visibility.amp.cisco.com", format!("API={}/platform", world.sim.url())),
        ("XDR_CLIENT_ID=client-…", "XDR_CLIENT_ID=client-sim".to_owned()),
        ("XDR_CLIENT_PASSWORD=…", credentials),
        ("\"key\": \"…\"", "\"key\": \"demo-key\"".to_owned()),
        ("\"password\": \"…\"", password),
    ] {
        assert!(here.contains(there), "the guide no longer says {there}");
        here = here.replace(there, &ours);
    }
    let file = world.scratch.path("guide.sh");
    let program =
        std::path::Path::new(env!("CARGO_BIN_EXE_relayctl")).parent().unwrap().display().to_string();
    std::fs::write(
        &file,
        format!("set -euo pipefail\nPATH={program}:$PATH\ncd {}\n{here}", world.scratch.path(".")),
    )
    .unwrap();
    let mut shell = Command::new("bash");
    shell.arg(&file).env("XDR_PLATFORM", format!("{}/platform", world.sim.url()));
    let ran = world.run_with(shell);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("health: ok"), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("\"version\""), "{}", ran.out);
    assert!(ran.out.contains("usage_by_month"), "the tiles that the platform read: {}", ran.out);
    assert_eq!(world.calls("DELETE", "").len(), 2, "what it makes it removes");
    for secret in [PASSWORD, PROVIDER_PASSWORD, "demo-key"] {
        assert!(!world.printed.contains(secret), "{secret} was printed: {}", world.printed);
    }
}
