//! The form of a module whose relay logs in by a credential of its operator: it asks for no secret.

use anyhow::{Context as _, ensure};
use relay_core::module::Module;

use crate::login::Login;

/// What the user does in the application's registration instead of making a secret.
fn own_step(login: Login) -> &'static str {
    match login {
        Login::Secret => "",
        Login::Certificate => {
            "Under **Certificates & secrets > Certificates**, upload the certificate that the operator of this module \
             gives you, and give the operator both ids of your application: without them the module refuses it."
        }
        Login::Federated => {
            "Under **Certificates & secrets > Federated credentials**, add one with the issuer, subject and audience \
             that the operator of this module gives you, and give the operator both ids of your application: without \
             them the module refuses it."
        }
    }
}

/// The module type without the secret, otherwise unchanged.
///
/// # Errors
/// The relay takes nothing in place of a secret.
pub(super) fn apply(login: Login, text: &str, module: &Module) -> anyhow::Result<String> {
    if login == Login::Secret {
        return Ok(text.to_owned());
    }
    login.check(module)?;
    let mut text = text.to_owned();
    for claim in module.claims.iter().filter(|claim| claim.only_with.is_some()) {
        text = without_field(&text, &format!("custom_{}", claim.name))?;
    }
    tips(login, &text)
}

/// The user's instructions with the step in place of that which makes a secret.
fn tips(login: Login, text: &str) -> anyhow::Result<String> {
    let line = text.lines().find(|line| line.trim_start().starts_with("\"tips\"")).context("no tips")?;
    // Steps are lines of a text, whose ends JSON writes as `\n`.
    let steps: Vec<String> = line
        .split("\\n")
        .filter(|step| !step.starts_with("- **Client Secret**"))
        .map(|step| match step.split_once(". Under **Certificates & secrets**") {
            Some((number, _)) => format!("{number}. {}", own_step(login)),
            None => step.replace("Enter the three values", "Enter the two ids"),
        })
        .collect();
    let changed = steps.join("\\n");
    ensure!(changed.contains(own_step(login)), "the tips have no step that makes a secret");
    Ok(text.replacen(line, &changed, 1))
}

/// The file without a field of its form.
fn without_field(text: &str, key: &str) -> anyhow::Result<String> {
    const END: &str = "\n    },\n";
    let at = text.find(&format!("\"key\": \"{key}\"")).with_context(|| format!("the form has no {key}"))?;
    let start = text[..at].rfind("    {\n").context("the form is not indented")?;
    let end = text[at..].find(END).context("the form ends with the secret")? + at + END.len();
    Ok(format!("{}{}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::relays::RELAYS;

    #[test]
    fn the_secret_is_gone_and_nothing_else() {
        let kinds = [Login::Certificate, Login::Federated];
        for known in RELAYS.iter().filter(|known| ["graph", "defender"].contains(&known.name)) {
            for kind in kinds {
                let text = apply(kind, known.module_type, known.module()).unwrap();
                let mut changed: Value = serde_json::from_str(&text).unwrap();
                let mut expected: Value = serde_json::from_str(known.module_type).unwrap();
                let fields = expected["configuration_spec"].as_array_mut().unwrap();
                fields.retain(|field| field["key"] != "custom_client_secret");
                let tips = changed["tips"].take();
                let tips = tips.as_str().unwrap();
                assert!(tips.contains("the operator of this module gives you"), "{tips}");
                assert!(!tips.to_lowercase().contains("client secret"), "{tips}");
                expected["tips"] = Value::Null;
                assert_eq!(changed, expected);
            }
        }
    }

    #[test]
    fn only_relays_with_such_a_login_have_such_a_form() {
        for known in RELAYS {
            assert_eq!(apply(Login::Secret, known.module_type, known.module()).unwrap(), known.module_type);
            let has = ["graph", "defender"].contains(&known.name);
            assert_eq!(apply(Login::Certificate, known.module_type, known.module()).is_ok(), has);
        }
    }
}
