//! The page: its markup, and the files that it loads. Everything else in it comes from its scripts, as text.

use actix_web::HttpResponse;
use maud::{DOCTYPE, Markup, html as markup};

use super::Bench;

/// A file of the page.
#[derive(Clone, Copy)]
pub(super) struct File {
    /// Its path below the token.
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

impl File {
    const fn script(path: &'static str, text: &'static str) -> Self {
        Self { path, kind: "text/javascript; charset=utf-8", text }
    }

    /// The answer with it.
    pub(super) fn response(self) -> HttpResponse {
        HttpResponse::Ok().content_type(self.kind).body(self.text)
    }
}

/// Everything that the page loads.
pub(super) const FILES: [File; 8] = [
    File { path: "/style.css", kind: "text/css; charset=utf-8", text: include_str!("page/style.css") },
    File::script("/main.js", include_str!("page/main.js")),
    File::script("/dom.js", include_str!("page/dom.js")),
    File::script("/findings.js", include_str!("page/findings.js")),
    File::script("/results.js", include_str!("page/results.js")),
    File::script("/graph.js", include_str!("page/graph.js")),
    File::script("/timeline.js", include_str!("page/timeline.js")),
    File::script("/keep.js", include_str!("page/keep.js")),
];

/// A report to try the page with; its observables are those of the demonstration.
const EXAMPLE: &str = "\
Monday, 09:12. A user reported a mail from billing[@]invoice-portal[.]example with a link to
hxxps://invoice-portal[.]example/view.php?id=4711. The page asked for a password and sent it to
login-verify[.]example (203.0.113[.]9). A program was downloaded, MD5 474b9ccf5ab9d72ca8a333889bbb34f0,
which dropped C:\\Temp\\drop.exe (SHA-256 323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9).
hostname=ws-042 user=jdoe ms_machine_id=73e7e2de709dff64ef64b1d0c30e67fab63279db";

/// The page.
pub(super) fn html(bench: &Bench) -> Markup {
    markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Workbench" }
                link rel="stylesheet" href="style.css";
                link rel="icon" href="data:,";
                script type="module" src="main.js" {}
            }
            body {
                a.skip href="#results" { "Skip to the results" }
                header {
                    h1 { "Workbench" }
                    p {
                        "Paste what you have, and see what your relays say about it."
                        @if bench.demo { " " strong { "The providers are simulated; their data are fictitious." } }
                    }
                }
                main {
                    section #ask aria-labelledby="ask-title" {
                        h2 #ask-title { "Ask" }
                        label for="text" { "A report, a mail, a log, or observables" }
                        textarea #text rows="7" spellcheck="false" autocomplete="off"
                            placeholder="8.8.8.8, hxxps://bad[.]example/page, user=jdoe …" {}
                        @if bench.demo {
                            button #example type="button" data-text=(EXAMPLE) { "Insert an example report" }
                        }
                        div #notes role="status" {}
                        h3 #chips-title { "Observables" }
                        ul #chips aria-labelledby="chips-title" {}
                        fieldset {
                            legend { "Relays" }
                            ul #relays {
                                @for relay in &bench.relays {
                                    li {
                                        label { input type="checkbox" checked value=(relay.name); " " (relay.name) }
                                        " " span.health data-relay=(relay.name) { "…" }
                                    }
                                }
                            }
                        }
                        div.row {
                            button #go.primary type="button" disabled { "Investigate" }
                            button #stop type="button" hidden { "Stop" }
                            progress #bar hidden aria-label="Lookups done" {}
                        }
                        p #status role="status" aria-live="polite" {}
                        p #problem role="alert" {}
                    }
                    div #results tabindex="-1" hidden {
                        section aria-labelledby="matrix-title" {
                            h2 #matrix-title { "Overview" }
                            div.scroll role="region" aria-labelledby="matrix-title" tabindex="0" { table #matrix {} }
                        }
                        section aria-labelledby="graph-title" {
                            h2 #graph-title { "Relations" }
                            div #graph {}
                        }
                        section aria-labelledby="timeline-title" {
                            h2 #timeline-title { "Timeline" }
                            div #timeline {}
                        }
                        section aria-labelledby="cards-title" {
                            h2 #cards-title { "Observables in detail" }
                            div #cards {}
                        }
                        section aria-labelledby="keep-title" {
                            h2 #keep-title { "Keep" }
                            div #keep {}
                        }
                    }
                }
                dialog #confirm aria-labelledby="confirm-title" {
                    h2 #confirm-title { "Carry this out?" }
                    pre #effect {}
                    p #outcome role="status" {}
                    div.row {
                        button #carry-out.danger type="button" { "Carry it out" }
                        button #cancel type="button" { "Cancel" }
                    }
                }
                noscript { p { "This page needs its script." } }
            }
        }
    }
}
