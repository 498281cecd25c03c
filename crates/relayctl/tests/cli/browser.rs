//! A real browser, driven by `WebDriver`. Debian: `apt-get install chromium chromium-driver`.

use std::io::{self, BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// What a step of a page may take: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that does not outlive its test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A driver that listens.
struct Driver {
    _running: Running,
    // It would end if nobody took its output.
    _output: Lines<BufReader<ChildStdout>>,
    port: String,
}

impl Driver {
    /// Starts one; `None` where there is none. One that loses its port to another program ends, and the next one is tried.
    fn start() -> Option<Self> {
        for _ in 0..5 {
            let mut driver = Command::new("chromedriver");
            let driver = driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
            let mut driver = Running(driver.ok()?);
            let mut output = BufReader::new(driver.0.stdout.take().unwrap()).lines();
            let port = output.by_ref().map(Result::unwrap).find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                Some(port.trim_end_matches('.').to_owned())
            });
            if let Some(port) = port {
                return Some(Self { _running: driver, _output: output, port });
            }
        }
        panic!("chromedriver finds no port");
    }
}

/// A browser, with its driver. There is one at a time: each of them keeps the machine busy.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Driver,
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::const_new(());

/// A command that only Chromium's driver knows: one of its debugger.
#[derive(Debug)]
struct Debugger(&'static str, Value);

impl WebDriverCompatibleCommand for Debugger {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        let mut url = base.clone();
        url.set_path(&format!("/session/{}/goog/cdp/execute", session.unwrap_or_default()));
        Ok(url)
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// Whether nothing has to be scrolled sideways.
pub(crate) const NO_SIDEWAYS: &str = "return document.documentElement.scrollWidth <= window.innerWidth";

impl Browser {
    /// Starts one; `None` where there is none, which only CI does not accept.
    pub(crate) async fn start() -> Option<Self> {
        let turn = TURN.lock().await;
        let Some(driver) = Driver::start() else {
            let why = "chromedriver is missing; install chromium and chromium-driver";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            let _ = writeln!(io::stderr(), "did not run: {why}");
            return None;
        };
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
            "--window-size=1280,1000"
        ]});
        let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector)
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap();
        Some(Self { client, _driver: driver, _turn: turn })
    }

    async fn debugger(&self, command: &'static str, parameters: Value) {
        self.client.issue_cmd(Debugger(command, parameters)).await.unwrap();
    }

    /// Makes the window so wide, as of a phone where it is narrow.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.debugger("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// As if the user had set this.
    pub(crate) async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.debugger("Emulation.setEmulatedMedia", features).await;
    }

    /// What a script in the page returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, script: &str) {
        let waited = async {
            while self.script(script).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waited).await.is_err() {
            let page = self.script("return document.body.innerText").await;
            panic!("not within {PATIENCE:?}: {script}\n{}", page.as_str().unwrap_or_default());
        }
    }

    /// Presses keys, as a user without a mouse.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Clicks what a CSS selector finds first.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        element.unwrap_or_else(|error| panic!("{selector}: {error}")).click().await.unwrap();
    }

    /// Writes a picture of the window.
    pub(crate) async fn picture(&self, file: &Path) {
        std::fs::write(file, self.client.screenshot().await.unwrap()).unwrap();
    }

    /// Texts with less contrast than WCAG AA asks for: 4.5 to 1.
    pub(crate) async fn contrasts(&self) -> Value {
        let script = r"
            const light = (color) => {
                const parts = color.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
                    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const ground = (node) => {
                for (let one = node; one; one = one.parentElement) {
                    const color = getComputedStyle(one).backgroundColor;
                    if (!/, 0\)$|transparent/.test(color)) return color;
                }
                return 'rgb(255, 255, 255)';
            };
            const bad = [];
            for (const node of document.querySelectorAll('body *')) {
                const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
                if (!own || node.closest('svg, option, script, style') || node.disabled || !node.checkVisibility()) continue;
                const [a, b] = [light(getComputedStyle(node).color), light(ground(node))];
                const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                if (contrast < 4.5) bad.push(`${node.tagName}.${node.className}: ${contrast.toFixed(2)}`);
            }
            return [...new Set(bad)];";
        self.script(script).await
    }
}
