use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;

/// A recording of its own for a test.
struct Recording(PathBuf);

impl Recording {
    fn of(test: &str, answers: &[Value]) -> Self {
        let path = std::env::temp_dir().join(format!("provider-sim-replay-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for (number, answer) in answers.iter().enumerate() {
            let folder = path.join("acme").join(format!("run-{number:05}"));
            fs::create_dir_all(&folder).unwrap();
            let case = json!({"about": "a call", "observables": [], "now": "2026-03-02T09:00:00Z", "answers": [answer]});
            fs::write(folder.join("case.json"), case.to_string()).unwrap();
        }
        Self(path)
    }

    fn replay(&self) -> Arc<Replay> {
        Arc::new(Replay::of(&self.0).unwrap())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn get(recording: &Arc<Replay>, target: &str) -> (u16, String) {
    let reply = recording.answer(&Request::new("GET", "", target).with_header("host", "sim:1"));
    (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
}

fn answer(base: &str, path: &str, query: &str, json: &Value) -> Value {
    json!({"base": base, "path": path, "raw_query": query, "json": json})
}

#[test]
fn the_same_call_gets_its_answers_in_order_and_the_last_one_again() {
    let recording = Recording::of(
        "order",
        &[answer("api_url", "/x", "", &json!(1)), answer("api_url", "/x", "", &json!(2))],
    );
    let replay = recording.replay();
    let answers: Vec<String> = (0..3).map(|_| get(&replay, "/api_url/x").1).collect();
    assert_eq!(answers, ["1", "2", "2"]);
    Service::reset(&replay);
    assert_eq!(get(&replay, "/api_url/x").1, "1");
}

#[test]
fn a_call_that_was_not_recorded_is_named_once() {
    let recording = Recording::of("missing", &[answer("api_url", "/x", "page=1", &json!(1))]);
    let replay = recording.replay();
    for _ in 0..2 {
        let (status, body) = get(&replay, "/api_url/x?page=2");
        assert!(status == 501 && body.contains("not recorded: GET /api_url/x?page=2"), "{status} {body}");
    }
    assert_eq!(get(&replay, "/api_url/x?page=1").0, 200);
    assert_eq!(replay.missing(), ["GET /api_url/x?page=2"]);
}

#[test]
fn of_calls_that_differ_by_their_times_the_nearest_one_answers() {
    let day = |day: &str, json: u32| answer("api_url", "/x", &format!("since={day}"), &json!(json));
    let recording = Recording::of("times", &[day("2026-03-01", 1), day("2026-02-25", 5)]);
    let replay = recording.replay();
    let now = Timestamp::now();
    let days_ago = |days: i64| {
        let then = now - jiff::SignedDuration::from_hours(24 * days + 9);
        get(&replay, &format!("/api_url/x?since={then}")).1
    };
    assert_eq!((days_ago(5), days_ago(1), days_ago(5)), ("5".to_owned(), "1".to_owned(), "5".to_owned()));
}

#[test]
fn a_host_that_no_setting_named_answers_under_the_setting_that_is_set_now() {
    let page =
        json!({"next": "{{api.example:8443}}/v1/x?page=2", "other": "{{login_url}}/y", "text": "{{x}}"});
    let recording = Recording::of(
        "host",
        &[answer("api.example:8443", "/v1/x", "", &page), answer("login_url", "/y", "", &json!({}))],
    );
    let (status, body) = get(&recording.replay(), "/api_url/x");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["next"]), (200, &json!("http://sim:1/api_url/v1/x?page=2")));
    assert_eq!((&body["other"], &body["text"]), (&json!("http://sim:1/login_url/y"), &json!("{{x}}")));
}

#[test]
fn a_folder_without_a_recording_is_refused() {
    let recording = Recording::of("none", &[]);
    fs::create_dir_all(&recording.0).unwrap();
    let problem = Replay::of(&recording.0).unwrap_err().to_string();
    assert!(problem.contains("no folder in it has a case.json"), "{problem}");
    assert!(Replay::of(&recording.0.join("nowhere")).is_err());
}
