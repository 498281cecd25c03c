//! The control API, for simulators that run as a separate process. Everything is JSON.
//!
//! | call | |
//! |---|---|
//! | `GET /` | the simulated services |
//! | `GET /livez` | 200 while the process is running |
//! | `GET /_control/calls?provider=xforce` | the recorded calls (of one service, or all) and the peak of concurrent ones |
//! | `POST /_control/faults` `{"spec": "xforce:status=503,rate=0.1"}` | adds one ([format](crate::fault::spec)) |
//! | `DELETE /_control/faults` | removes all |
//! | `POST /_control/answers` `{"provider": "xforce", "path": "/ipr/192.0.2.1", "json": {}}` | pins one ([`Answer`]) |
//! | `POST /_control/platform/clients` `{"id": "…", "password": "…", "scopes": ["integration"]}` | adds an API client of the platform |
//! | `POST /_control/registrations` `{"application": "…", "certificate": "PEM"}`, or `issuer`, `subject`, `audience` and `key` (public, PEM) in place of `certificate` | what an application may log in with instead of a secret |
//! | `POST /_control/token` and claims | an RS256 token with these claims |
//! | `POST /_control/reset` | resets everything: calls, faults, answers, and the state of the services |
//!
//! It has no access control: the simulator is for development and tests.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::record::{self, SeenCall};
use crate::reply::Reply;
use crate::request::Request;
use crate::simulator::Simulator;

const PREFIX: &str = "/_control";

/// Whether a raw path belongs to the control API.
pub(crate) fn owns(path: &str) -> bool {
    path == "/" || path == "/livez" || path == PREFIX || path.starts_with("/_control/")
}

pub(crate) fn serve(simulator: &Simulator, method: &str, path: &str, query: &str, body: &Bytes) -> Reply {
    let call = Request::new(method, "", &format!("{path}?{query}")).with_body(body.clone());
    let done = match (method, call.parts().as_slice()) {
        ("GET", [""]) => Ok(Reply::json(200, &index(simulator))),
        ("GET", ["livez"]) => Ok(Reply::json(200, &json!({"status": "ok"}))),
        (_, ["_control", words @ ..]) => control(simulator, &call, words),
        _ => Err(Reply::empty(405)),
    };
    done.unwrap_or_else(|refusal| refusal)
}

fn control(simulator: &Simulator, call: &Request, words: &[&str]) -> Result<Reply, Reply> {
    match (call.method.as_str(), words) {
        ("GET", ["calls"]) => Ok(Reply::json(200, &calls(simulator, call.param("provider")))),
        ("POST", ["faults"]) => {
            let wanted: NewFault = read(call)?;
            let fault = wanted.spec.parse().map_err(|error| refused(&error))?;
            simulator.check(&fault).map_err(|reason| problem(400, &reason))?;
            Ok(Reply::json(201, &json!({"id": simulator.faults.add(fault)})))
        }
        ("DELETE", ["faults"]) => {
            simulator.faults.clear();
            Ok(Reply::empty(204))
        }
        ("POST", ["answers"]) => {
            let (service, answer) = pin(simulator, call)?;
            simulator.pinned.add(service, answer);
            Ok(Reply::empty(204))
        }
        ("POST", ["registrations"]) => {
            simulator.registrations.add(read(call)?);
            Ok(Reply::empty(204))
        }
        ("POST", ["token"]) => {
            let claims: Value = read(call)?;
            Ok(Reply::json(200, &json!({"token": simulator.keys.sign(&claims)})))
        }
        ("POST", ["reset"]) => {
            simulator.reset();
            Ok(Reply::empty(204))
        }
        ("POST", [service, what]) => {
            let set_up =
                simulator.service_named(service).and_then(|service| service.set_up(what, &call.body));
            match set_up {
                Some(outcome) => outcome.map(|()| Reply::empty(204)).map_err(|reason| problem(400, &reason)),
                None => Err(problem(404, "no such control call; GET / lists them")),
            }
        }
        (_, ["calls" | "faults" | "answers" | "registrations" | "token" | "reset", ..]) => {
            Err(problem(405, "method not allowed"))
        }
        _ => Err(problem(404, "no such control call; GET / lists them")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    spec: String,
}

fn pin(simulator: &Simulator, call: &Request) -> Result<(&'static str, Answer), Reply> {
    let mut wanted: Value = read(call)?;
    let provider = wanted.as_object_mut().and_then(|fields| fields.remove("provider"));
    let name = provider.as_ref().and_then(Value::as_str).unwrap_or_default();
    let service = simulator
        .service_named(name)
        .ok_or_else(|| problem(400, "\"provider\" must name a service; GET / lists them"))?;
    let answer = serde_json::from_value(wanted).map_err(|error| refused(&error))?;
    Ok((service.name(), answer))
}

fn read<T: for<'a> Deserialize<'a>>(call: &Request) -> Result<T, Reply> {
    serde_json::from_slice(&call.body).map_err(|error| refused(&error))
}

fn refused(reason: &dyn std::error::Error) -> Reply {
    problem(400, &reason.to_string())
}

fn problem(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "error": reason }))
}

fn calls(simulator: &Simulator, provider: Option<&str>) -> Value {
    let mut calls: Vec<SeenCall> = simulator.record.calls();
    calls.retain(|call| provider.is_none_or(|name| call.provider == Some(name)));
    json!({"peak_in_flight": record::peak(&calls), "calls": calls})
}

fn index(simulator: &Simulator) -> Value {
    let services = simulator.services.iter();
    let services: Vec<_> =
        services.map(|service| json!({"name": service.name(), "prefix": service.prefix()})).collect();
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "services": services,
        "control": [
            "GET /_control/calls",
            "POST|DELETE /_control/faults",
            "POST /_control/answers",
            "POST /_control/platform/clients",
            "POST /_control/registrations",
            "POST /_control/token",
            "POST /_control/reset",
        ],
    })
}
