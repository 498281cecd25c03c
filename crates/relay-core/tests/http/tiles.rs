//! Dashboard tiles: `/tiles`, `/tiles/tile`, `/tiles/tile-data`.

use std::sync::Arc;

use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::relay::Tiles;
use relay_core::tiles::{
    Bars, Count, Digest, Donut, DonutCut, Icon, Metric, PERIODS, Period, Series, Shown, Tile, TileKind,
    TimeCounts, VALID, Window,
};
use relay_testkit::{Stage, errors};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::acme::{Acme, Key, no_address, reported, setup};
use crate::mock::{Mock, Reply};
use crate::only_error;

const TILE: Tile = Tile {
    id: "counts",
    kind: TileKind::MetricGroup,
    title: "Counts",
    short_description: "Four counts",
    description: "Four counts, each by a call of its own; days are UTC days",
    tags: &["Acme Intelligence"],
    periods: PERIODS,
    default_period: Period::Last7Days,
    valid: VALID,
};
const SERIES: &[Series] = &[Series::new("all", "All")];

/// What two tiles are counted from.
pub(crate) type Listing = Digest<jiff::Timestamp, u64>;

impl Tiles for Acme {
    const EXAMPLE: &'static str = r#"{"data": {"tile_id": "counts"}}"#;

    const TILES: &'static [Tile] = &[
        TILE,
        Tile { id: "over_time", kind: TileKind::VerticalBarChart, title: "Over time", ..TILE },
        Tile {
            id: "shares",
            kind: TileKind::DonutGraph,
            title: "Shares",
            periods: &[Period::Last7Days],
            ..TILE
        },
    ];

    async fn tile(&self, call: &Call<Key>, tile: &'static Tile, window: &Window) -> Shown {
        if tile.id == "counts" {
            let counts = ["a", "b", "c", "d"].map(|name| async move {
                let value = self.count(call, name, window).await?;
                Ok(Metric::new(Icon::Information, name, i64::try_from(value).unwrap_or(i64::MAX), None))
            });
            return Shown::metrics(futures::future::join_all(counts).await);
        }
        let count = async {
            let number = self.count(call, "listing", window).await?;
            if number == 5000 {
                let words = "counted the newest 5000 things";
                return Ok(Count::cut(number, Some(window.end), Error::warning(Code::UNPROCESSED, words)));
            }
            Ok(Count::whole(number))
        };
        let counted = self.listing.get(call, window.start, count).await;
        let data = counted.counts.map(|number| {
            if tile.id == "over_time" {
                let mut counts = TimeCounts::new(window, SERIES);
                counts.add(window.end, 0, *number);
                return Bars::over_time(&counts, SERIES, counted.since, None).into();
            }
            let counts = [("]](javascript:x)\n\u{202e}".repeat(500), "one".to_owned(), *number)];
            Donut::of(["A", "B"], counts, DonutCut { outer: 9, inner: 20 }, None).into()
        });
        Shown { data, since: counted.since, until: Some(counted.at), errors: counted.errors, snapshot: false }
    }
}

impl Acme {
    async fn count(&self, call: &Call<Key>, name: &str, window: &Window) -> Result<u64, Error> {
        let url = UrlBuilder::new(&self.api)
            .path("counts")
            .segment(name)
            .param("since", window.start_text())
            .build();
        let request = self.api(call).get("count", url.ok_or_else(no_address)?);
        let answer = request.send().await.map_err(|failure| reported(&failure))?;
        answer.json::<u64>().map_err(|failure| reported(&failure))
    }
}

const NOW: &str = "2026-11-26T15:07:30.75Z";

fn number(number: u64) -> Reply {
    Reply::text(200, &number.to_string())
}

async fn stage(provider: &Mock) -> Stage {
    setup(provider).setting("RELAY_PROVIDER__RETRIES", "0").at(NOW).start().await
}

async fn asked(stage: &Stage, path: &str, body: Value) -> Value {
    stage.ask(path, Some(&stage.token()), &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tiles_are_listed_without_a_call() {
    let provider = Mock::silent().await;
    let stage = stage(&provider).await;
    for body in ["", "[]", "not json"] {
        let answer: Value = stage.raw("/tiles", Some(&stage.token()), body).await.json().await.expect("JSON");
        let ids: Vec<&str> =
            answer["data"].as_array().expect("tiles").iter().filter_map(|tile| tile["id"].as_str()).collect();
        assert_eq!(ids, ["counts", "over_time", "shares"], "{body:?}");
    }
    let tile = asked(&stage, "/tiles/tile", json!({"tile_id": "counts", "more": 1})).await;
    assert_eq!(
        tile["data"],
        json!({
            "id": "counts", "type": "metric_group", "title": "Counts", "short_description": "Four counts",
            "description": "Four counts, each by a call of its own; days are UTC days",
            "tags": ["Acme Intelligence"], "periods": ["last_24_hours", "last_7_days", "last_30_days"],
            "default_period": "last_7_days",
        })
    );
    assert_eq!(stage.tiles().await["data"][0], tile["data"]);
    assert_eq!(provider.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_then_body_are_checked() {
    let provider = Mock::silent().await;
    let stage = stage(&provider).await;
    for path in ["/tiles", "/tiles/tile", "/tiles/tile-data"] {
        for token in [None, Some(stage.token_with(&json!({"jwks_host": "elsewhere.example"})))] {
            let answer = stage.ask(path, token.as_deref(), &json!("odd")).await;
            only_error(&answer, "fatal", "authorization error");
        }
        let without_key = stage.token_with(&json!({"key": null}));
        only_error(&stage.ask(path, Some(&without_key), &json!({})).await, "fatal", "authorization error");
    }
    for path in ["/tiles/tile", "/tiles/tile-data"] {
        for (body, words) in [
            (json!([]), "must be an object"),
            (json!({}), "tile_id: is missing"),
            (json!({"tile-id": "counts"}), "tile_id: is missing"),
            (json!({"tile_id": 7}), "tile_id: must be a string"),
            (json!({"tile_id": " "}), "tile_id: must not be blank"),
            (
                json!({"tile_id": "nothing"}),
                "`nothing` is no tile of this relay (there are counts, over_time, shares)",
            ),
        ] {
            let answer = asked(&stage, path, body).await;
            let message = only_error(&answer, "fatal", "invalid argument");
            assert!(
                message.starts_with("Invalid JSON payload received.") && message.contains(words),
                "{message}"
            );
        }
    }
    for (period, words) in [
        (
            json!("last_90_days"),
            "`last_90_days` is no period of this tile (there are last_24_hours, last_7_days",
        ),
        (json!(17), "period: must be a text"),
    ] {
        let answer = asked(&stage, "/tiles/tile-data", json!({"tile_id": "counts", "period": period})).await;
        let message = only_error(&answer, "fatal", "invalid argument");
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(provider.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_without_a_period_is_of_its_default_period_and_valid_for_a_while() {
    let provider = Mock::always(number(3)).await;
    let stage = stage(&provider).await;
    let first = stage.tile_data("counts", None).await;
    for body in [json!({"tile_id": "counts", "period": ""}), json!({"tile_id": "counts", "period": null})] {
        assert_eq!(asked(&stage, "/tiles/tile-data", body).await, first);
    }
    let metric = |label| json!({"icon": "information", "label": label, "value": 3, "value-unit": "integer", "value_unit": "integer"});
    assert_eq!(
        first,
        json!({"data": {
            "tile_id": "counts", "period": "last_7_days",
            "observed_time": {"start_time": "2026-11-20T00:00:00Z", "end_time": "2026-11-26T15:07:30Z"},
            "valid_time": {"start_time": "2026-11-26T15:07:30Z", "end_time": "2026-11-26T15:12:30Z"},
            "cache_scope": "org",
            "data": [metric("a"), metric("b"), metric("c"), metric("d")],
        }})
    );
    assert_eq!(provider.calls().len(), 4, "the second and the third answer are kept ones");
    stage.tile_data("counts", Some("last_24_hours")).await;
    assert_eq!(provider.calls().len(), 8);
    let metrics = stage.metrics().await;
    for (outcome, number) in [("ok", 2), ("kept", 2), ("error", 0), ("warning", 0)] {
        let line = format!(r#"relay_tiles_total{{outcome="{outcome}",tile="counts",relay="acme"}} {number}"#);
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_share_nothing_and_without_a_cache_nothing_is_kept() {
    let provider = Mock::always(number(3)).await;
    let stage = stage(&provider).await;
    let other = stage.token_with(&json!({"key": "key-two"}));
    let body = json!({"tile_id": "over_time"});
    let (one, two) = tokio::join!(
        asked(&stage, "/tiles/tile-data", body.clone()),
        stage.ask("/tiles/tile-data", Some(&other), &body)
    );
    assert_eq!(one, two);
    let mut keys: Vec<String> =
        provider.calls().iter().map(|call| call.header("x-acme-key").to_owned()).collect();
    keys.sort();
    assert_eq!(keys, ["key-one", "key-two"]);

    let stage = setup(&provider).setting("RELAY_CACHE__TTL", "0s").at(NOW).start().await;
    let before = provider.calls().len();
    for _ in 0..2 {
        stage.tile_data("over_time", None).await;
    }
    assert_eq!(provider.calls().len() - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_the_same_time_and_tiles_of_one_listing_share_their_call() {
    let (provider, gate) = Mock::gated(number(3)).await;
    let stage = Arc::new(stage(&provider).await);
    let asking: Vec<_> = ["over_time", "over_time", "shares"]
        .map(|id| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.tile_data(id, None).await })
        })
        .into();
    stage.until_metrics(r#"relay_requests_in_flight{relay="acme"} 3"#).await;
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    for answer in futures::future::join_all(asking).await {
        assert_eq!(errors(&answer.expect("an answer")), []);
    }
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_metric_is_left_out_and_the_rest_is_short_lived() {
    let provider = Mock::start(|call| {
        std::future::ready(if call.target.contains("/c?") { Reply::status(500) } else { number(0) })
    })
    .await;
    let stage = stage(&provider).await;
    let answer = stage.tile_data("counts", None).await;
    let labels: Vec<&str> = answer["data"]["data"]
        .as_array()
        .expect("metrics")
        .iter()
        .filter_map(|one| one["label"].as_str())
        .collect();
    assert_eq!(labels, ["a", "b", "d"]);
    only_error(&answer, "error", "unknown");
    assert_eq!(answer["data"]["cache_scope"], "none");
    assert_eq!(answer["data"]["valid_time"]["end_time"], "2026-11-26T15:08:30Z");
    stage.tile_data("counts", None).await;
    assert_eq!(provider.calls().len(), 8, "asked again");

    let provider = Mock::always(Reply::status(500)).await;
    let stage = self::stage(&provider).await;
    let answer = stage.tile_data("counts", None).await;
    only_error(&answer, "fatal", "unknown");
    assert!(answer.get("data").is_none(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_was_cut_says_so_and_is_asked_for_again() {
    let provider = Mock::in_turn([number(5000), number(3)]).await;
    let stage = stage(&provider).await;
    let cut = stage.tile_data("over_time", None).await;
    only_error(&cut, "warning", "unprocessed records");
    assert_eq!(cut["data"]["observed_time"]["start_time"], "2026-11-26T15:07:30Z");
    assert_eq!(cut["data"]["data"].as_array().expect("bars").len(), 1, "earlier days are not known");
    assert_eq!(cut["data"]["cache_scope"], "none");
    let whole = stage.tile_data("over_time", None).await;
    assert_eq!(whole["data"]["data"].as_array().expect("bars").len(), 7);
    assert_eq!(whole["data"]["data"][6]["value"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_count_is_no_failure_and_labels_are_safe() {
    let provider = Mock::always(number(0)).await;
    let stage = stage(&provider).await;
    let bars = stage.tile_data("over_time", None).await;
    assert_eq!(bars["data"]["data"].as_array().expect("bars").len(), 7);
    let donut = stage.tile_data("shares", None).await;
    assert_eq!((&donut["data"]["labels"], &donut["data"]["data"]), (&json!([[], []]), &json!([])));
    assert_eq!((errors(&bars), errors(&donut)), (vec![], vec![]));

    let provider = Mock::always(number(1)).await;
    let stage = self::stage(&provider).await;
    let donut = stage.tile_data("shares", None).await;
    let label = donut["data"]["labels"][0][0].as_str().expect("a label");
    assert_eq!(label.chars().count(), 64);
    assert!(!label.contains(['\n', '\u{202e}']), "{label:?}");
}

/// The deadline comes while one of four calls hangs; then while all do.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_what_is_ready_is_shown() {
    for (hanging, metrics) in [("/c?", 3), ("/", 0)] {
        let provider = Mock::start(move |call| async move {
            if call.target.contains(hanging) {
                std::future::pending::<()>().await;
            }
            number(1)
        })
        .await;
        let stage = setup(&provider).setting("RELAY_DEADLINE", "1s").at(NOW).start().await;
        let answer = stage.tile_data("counts", None).await;
        assert_eq!(answer["data"]["data"].as_array().map_or(0, Vec::len), metrics, "{answer}");
        assert_eq!(errors(&answer), [(if metrics == 0 { "fatal" } else { "error" }, "timeout")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_can_be_switched_off() {
    let provider = Mock::silent().await;
    let on = stage(&provider).await;
    let off = setup(&provider).setting("RELAY_TILES", "false").start().await;
    for (stage, status) in [(&on, 200), (&off, 404)] {
        for path in ["/tiles", "/tiles/tile", "/tiles/tile-data"] {
            assert_eq!(stage.raw(path, None, "").await.status(), status, "{path}");
        }
        for path in ["/", "/openapi.json"] {
            let text = stage.http.get(format!("{}{path}", stage.relay.url)).send().await.expect("an answer");
            assert_eq!(text.text().await.expect("text").contains("/tiles"), status == 200, "{path}");
        }
        let page =
            stage.http.get(&stage.relay.url).header("Accept", "text/html").send().await.expect("a page");
        assert_eq!(page.text().await.expect("text").contains("over_time"), status == 200);
    }
}
