//! What the relay says of itself on `/`: a small page for people, the same facts for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::ctim::ObservableType;
use crate::doctor::checkup::Retiring;
use crate::endpoint::Described;
use crate::module::{Claim, Module};
use crate::tiles::Tile;

/// The facts.
#[derive(Serialize)]
pub(super) struct About {
    name: &'static str,
    title: &'static str,
    version: &'static str,
    summary: &'static str,
    endpoints: Vec<Row>,
    claims: Vec<ClaimRow>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tiles: Vec<&'static Tile>,
    /// What it uses of the provider's whose end is announced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retiring: Vec<Retiring>,
}

#[derive(Serialize)]
struct Row {
    methods: &'static [&'static str],
    path: &'static str,
    token: bool,
    summary: &'static str,
    /// The types of observables that it looks up; others are skipped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observable_types: Vec<ObservableType>,
}

#[derive(Serialize)]
struct ClaimRow {
    name: &'static str,
    required: bool,
    meaning: &'static str,
}

impl About {
    /// The facts of a relay that reads these claims and serves these endpoints.
    pub(super) fn of(
        module: &'static Module,
        claims: &[&'static Claim],
        endpoints: &[Described<'_>],
        retiring: Vec<Retiring>,
    ) -> Self {
        let row = |Described { endpoint, observables, .. }: &Described<'_>| Row {
            methods: endpoint.methods,
            path: endpoint.path,
            token: endpoint.token,
            summary: endpoint.summary,
            observable_types: observables.to_vec(),
        };
        Self {
            name: module.package,
            title: module.title,
            version: module.version,
            summary: module.summary,
            retiring,
            endpoints: endpoints.iter().map(row).collect(),
            tiles: endpoints
                .iter()
                .map(|one| one.tiles)
                .find(|tiles| !tiles.is_empty())
                .unwrap_or_default()
                .to_vec(),
            claims: claims
                .iter()
                .map(|claim| ClaimRow { name: claim.name, required: claim.required, meaning: claim.help })
                .collect(),
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The page of a relay that is called at this origin. All other texts are constants of this program; they are
    /// escaped all the same.
    pub(super) fn html(&self, origin: &str) -> String {
        let mut endpoints = String::new();
        for row in &self.endpoints {
            let _ = write!(
                endpoints,
                "<tr><td><code>{} {}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                row.methods.join(", "),
                row.path,
                if row.token { "JWT" } else { "–" },
                escaped(row.summary),
                codes(&row.observable_types)
            );
        }
        let mut claims = String::new();
        for claim in &self.claims {
            let _ = write!(
                claims,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                claim.name,
                if claim.required { "required" } else { "optional" },
                escaped(claim.meaning)
            );
        }
        let mut tiles = String::new();
        if !self.tiles.is_empty() {
            tiles.push_str("<h2>Tiles</h2>\n<table><tr><th>Tile</th><th>Title</th><th>What it shows</th><th>Periods</th></tr>");
            for tile in &self.tiles {
                let periods: Vec<&str> = tile.periods.iter().map(|period| period.name()).collect();
                let _ = write!(
                    tiles,
                    "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                    tile.id,
                    escaped(tile.title),
                    escaped(tile.short_description),
                    periods.join(", ")
                );
            }
            tiles.push_str("</table>\n");
        }
        let example = self.endpoints.iter().find(|row| !row.observable_types.is_empty());
        format!(
            r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} {version}</title>
<style>
:root {{ color-scheme: light dark; --text: #1b2733; --page: #fff; --quiet: #566474; --line: #dde3e9; --code: #f2f5f8; --link: #0b5cad; }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #dfe6ec; --page: #12181f; --quiet: #9fb0c0; --line: #2d3945; --code: #1d2732; --link: #7fbcff; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--page); overflow-wrap: anywhere; }}
a {{ color: var(--link); }} h1 {{ margin-bottom: 0; }} h1 small {{ color: var(--quiet); font-weight: normal; }}
table {{ border-collapse: collapse; width: 100%; }} td, th {{ text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
code, pre {{ font: 14px/1.4 ui-monospace, monospace; background: var(--code); border-radius: 4px; }} code {{ padding: 0 .25rem; }} pre {{ padding: .8rem; white-space: pre-wrap; }}
@media (max-width: 40rem) {{ th {{ display: none; }} td {{ display: block; border: 0; padding: .1rem 0; }} tr {{ display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }} }}
</style></head><body>
<h1>{name} <small>{version}</small></h1>
<p>{summary}</p>
<p>{links}. Settings and documentation: <code>{name} --help</code> and the README of its version.</p>
<h2>Endpoints</h2>
<table><tr><th>Endpoint</th><th>Token</th><th>What it does</th><th>Observable types</th></tr>{endpoints}</table>
<h2>Claims of the token</h2>
<table><tr><th>Claim</th><th></th><th>Meaning</th></tr>{claims}</table>
{tiles}<h2>A call</h2>
<pre>curl -s -X POST -H "Authorization: Bearer $TOKEN" \
     -d '[{{"type": "{example}", "value": "..."}}]' \
     {origin}{path}</pre>
</body></html>
"#,
            name = escaped(self.name),
            version = escaped(self.version),
            summary = escaped(self.summary),
            links = self.links(),
            origin = escaped(origin),
            path = example.map_or("", |row| row.path),
            example = example.and_then(|row| row.observable_types.first()).map_or("", |kind| kind.as_str()),
        )
    }

    /// Links to what a browser can show.
    fn links(&self) -> String {
        let shown = |row: &&Row| row.methods.contains(&"GET") && !row.token && row.path != "/";
        let link =
            |row: &Row| format!("<a href=\"{0}\"><code>{0}</code></a>", row.path.trim_start_matches('/'));
        self.endpoints.iter().filter(shown).map(link).collect::<Vec<_>>().join(", ")
    }
}

fn codes(types: &[ObservableType]) -> String {
    types.iter().map(|kind| format!("<code>{kind}</code>")).collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
