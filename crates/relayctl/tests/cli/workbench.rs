//! `relayctl workbench` in a real browser.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::ask::TestBed;
use crate::browser::{Browser, NO_SIDEWAYS};
use crate::{Scratch, program, relayctl, respond};

/// The workbench, which ends with its test.
struct Workbench {
    child: Child,
    url: String,
    // It ends where nobody takes its output.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Workbench {
    fn start(arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = ["workbench", "--port", "0"].iter().chain(arguments).copied().collect();
        let mut child = program(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = output.next().unwrap().unwrap();
        let url = line.strip_prefix("The workbench is at  ").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url, _output: output }
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const DONE: &str = "return document.getElementById('status').textContent.startsWith('Done')";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_pasted_and_read() {
    let Some(browser) = Browser::start().await else { return };
    let bench = Workbench::start(&["--demo"]);
    browser.client.goto(&bench.url).await.unwrap();
    browser.click("#example").await;
    browser.until("return document.querySelectorAll('.chip').length > 6").await;
    browser.click("#go").await;
    browser.until(DONE).await;

    let matrix = browser.script("return document.getElementById('matrix').innerText").await;
    for word in ["Malicious", "not asked", "login-verify.example", "xforce"] {
        assert!(text(&matrix).contains(word), "{word}: {matrix}");
    }
    // The graph, by a click and by keys; no more nodes than it promises.
    let nodes = browser.script("return document.querySelectorAll('.graph .node').length").await;
    assert!((10..=300).contains(&nodes.as_u64().unwrap()), "{nodes}");
    browser.script("document.querySelector('.graph .node.asked').focus()").await;
    browser.press("\u{e007}").await;
    browser.until("return document.querySelectorAll('.node.focused').length === 1").await;
    assert!(
        browser.script("return document.querySelectorAll('.timeline circle').length").await.as_u64()
            > Some(3)
    );
    // Links lead to the provider's console, in a window of their own, without saying where from.
    browser
        .script("document.querySelectorAll('article details').forEach((one) => { one.open = true; })")
        .await;
    let links = browser.script("return [...document.querySelectorAll('article td a')].map((one) => [one.href, one.rel, one.target])").await;
    let links = links.as_array().unwrap();
    assert!(!links.is_empty());
    for link in links {
        assert!(text(&link[0]).starts_with("https://"), "{link}");
        assert_eq!((&link[1], &link[2]), (&json!("noopener noreferrer"), &json!("_blank")));
    }
    browser
        .script("document.querySelectorAll('article details').forEach((one) => { one.open = false; })")
        .await;

    // The question again, from the fragment.
    let again = browser.script("return document.getElementById('again').href").await;
    assert!(text(&again).contains("/#ask="), "{again}");
    browser.client.goto("about:blank").await.unwrap();
    browser.client.goto(text(&again)).await.unwrap();
    browser.until("return document.querySelectorAll('.chip').length > 6").await;

    browser.click("#go").await;
    browser.until(DONE).await;
    for (name, value) in [("prefers-color-scheme", "dark"), ("prefers-color-scheme", "light")] {
        browser.prefer(name, value).await;
        assert_eq!(browser.contrasts().await, json!([]), "{value}");
    }
    if let Some(folder) = std::env::var_os("RELAYCTL_PICTURES") {
        browser.resize(1280, 1500).await;
        browser.script("window.scrollTo(0, 0)").await;
        browser.picture(&Path::new(&folder).join("workbench.png")).await;
        browser.script("document.getElementById('graph-title').scrollIntoView()").await;
        browser.picture(&Path::new(&folder).join("relations.png")).await;
        browser.script("document.getElementById('cards-title').scrollIntoView()").await;
        browser.picture(&Path::new(&folder).join("cards.png")).await;
    }
    for width in [390, 768, 1920] {
        browser.resize(width, 900).await;
        assert_eq!(browser.script(NO_SIDEWAYS).await, json!(true), "{width} px");
    }
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() {
    let Some(browser) = Browser::start().await else { return };
    let bench = Workbench::start(&["--demo"]);
    browser.client.goto(&bench.url).await.unwrap();
    // Tab: the link that skips, the text.
    browser.press("\u{e004}").await;
    browser.press("\u{e004}").await;
    browser.press("login-verify[.]example and readme.md").await;
    browser.until("return document.querySelectorAll('.chip').length === 1").await;
    // Tab until the button, then Enter.
    for _ in 0..40 {
        if browser.script("return document.activeElement.id").await == json!("go") {
            break;
        }
        browser.press("\u{e004}").await;
    }
    browser.press("\u{e007}").await;
    browser.until(DONE).await;
    let outline = "return getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement === document.body";
    browser.press("\u{e004}").await;
    browser.until(outline).await;
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_providers_say_is_text_and_a_dry_run_is_named() {
    let Some(browser) = Browser::start().await else { return };
    let scratch = Scratch::new("hostile");
    let (xforce, defender) =
        (TestBed::start("hostile-xforce").await, respond::start("hostile-defender", true).await);
    let hostile = "<img src=x onerror=\"window.owned=1\"><script>window.owned=1</script>";
    let answer = json!({
        "ip": "203.0.113.66", "score": 9.1, "cats": {hostile: 100}, "reason": hostile, "reasonDescription": hostile,
        "categoryDescriptions": {hostile: hostile}, "history": [], "subnets": [], "geo": {"country": hostile}
    });
    xforce.sim.answer("xforce", provider_sim::Answer::get("/ipr/203.0.113.66").json(answer));
    let file = scratch.path("relays.toml");
    let relays = [
        ("<b>x</b>", "xforce", &xforce.url, &xforce.token),
        ("mde", "defender", &defender.url, &defender.token),
    ];
    let config = relays.map(|(name, kind, url, token)| {
        fs::write(scratch.path(&format!("{kind}.jwt")), token).unwrap();
        format!("[relays.\"{name}\"]\nrelay = \"{kind}\"\nurl = \"{url}\"\ntoken_file = \"{kind}.jwt\"\n")
    });
    fs::write(&file, config.concat()).unwrap();
    let bench = Workbench::start(&["--config", &file, "--allow-actions"]);
    browser.client.goto(&bench.url).await.unwrap();
    browser.click("#text").await;
    browser.press(&format!("203.0.113.66 {}", respond::MACHINE)).await;
    browser.until("return document.querySelectorAll('.chip').length === 2").await;
    browser.click("#go").await;
    browser.until(DONE).await;
    let page = browser.script("return document.getElementById('card-0').textContent").await;
    assert!(text(&page).contains("onerror"), "it is shown as text: {page}");
    assert_eq!(browser.script("return [window.owned ?? 0, document.querySelectorAll('main img, main script, main b').length]").await, json!([0, 0]));

    browser.script("document.querySelector('#card-1 details[data-key=\"act-mde\"]').open = true").await;
    browser.click("#card-1 .actions button").await;
    let effect = browser.script("return document.getElementById('effect').textContent").await;
    assert!(text(&effect).contains("Dry run: the relay only checks"), "{effect}");
    browser.click("#carry-out").await;
    browser
        .until(
            "return document.getElementById('outcome').textContent.startsWith('Dry run: nothing was done.')",
        )
        .await;
    assert_eq!(browser.script(NO_SIDEWAYS).await, json!(true));
    browser.client.clone().close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_relations_stay_usable() {
    let Some(browser) = Browser::start().await else { return };
    let bench = Workbench::start(&["--demo"]);
    browser.client.goto(&bench.url).await.unwrap();
    let script = r"
        const done = arguments[arguments.length - 1];
        import(new URL('results.js', location.href)).then((results) => {
            const about = { type: 'ip', value: '192.0.2.1' };
            const relation = (at) => ({ source: about, relation: 'Connected_To', related: { type: 'ip', value: `10.0.${at >> 8}.${at & 255}` } });
            const sighting = (at) => ({ title: `Alert ${at}`, observed_time: { start_time: new Date(1.7e12 + at * 1e6).toISOString() },
                relations: [0, 1, 2, 3, 4].map((more) => relation((at * 5 + more) % 5000)) });
            const docs = Array.from({ length: 1000 }, (_, at) => sighting(at));
            const began = performance.now();
            results.start([about], ['one'], []);
            results.add({ observable: 0, relay: 'one', outcome: 'found', sightings: 1000, data: { sightings: { docs } } });
            results.finish();
            const count = (selector) => document.querySelectorAll(selector).length;
            // A second frame is asked for when the first one has been drawn.
            requestAnimationFrame(() => requestAnimationFrame(() => done([count('.graph .node'), count('.timeline circle'),
                count('article tbody tr'), document.getElementById('graph').textContent, performance.now() - began])));
        });";
    let drawn = browser.client.execute_async(script, Vec::new());
    let drawn = tokio::time::timeout(std::time::Duration::from_secs(60), drawn).await.unwrap().unwrap();
    assert_eq!((&drawn[0], &drawn[1], &drawn[2]), (&json!(300), &json!(1000), &json!(20)));
    // One second is the aim on two cores of their own; the other tests run beside this one.
    let painted = drawn[4].as_f64().unwrap();
    let _ =
        writeln!(std::io::stderr(), "1,000 sightings and 5,000 relations are shown after {painted:.0} ms");
    assert!(painted < 5000.0, "{painted} ms");
    assert!(text(&drawn[3]).contains("4701 nodes with the fewest relations are folded away"), "{}", drawn[3]);
    browser.client.clone().close().await.unwrap();
}

#[test]
fn another_address_needs_a_password() {
    let ran = relayctl(&["workbench", "--demo", "--port", "0", "--listen", "0.0.0.0"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    assert!(ran.err.contains("add --password-file"), "{}", ran.err);
}
