//! Answers with status 206: one of the providers behind the API did not answer, and a header says which
//! (<https://learn.microsoft.com/en-us/graph/api/resources/security-error-codes>).

use relay_core::error::{Code, Error};

use crate::module::{SERVICE_UNAVAILABLE, TITLE};

/// The notes for the user. What will not pass by itself (a provider that cannot filter, or is not licensed) is
/// logged only: it would come with every lookup.
pub(crate) fn warnings<'a>(headers: impl Iterator<Item = &'a str>) -> Vec<Error> {
    let mut warnings = Vec::new();
    for header in headers {
        let mut any = false;
        // Quotes stand around each entry, and nowhere else; between entries are commas.
        for (provider, status) in header.split('"').skip(1).step_by(2).filter_map(entry) {
            any = true;
            match incomplete(provider, status) {
                Some(warning) => warnings.push(warning),
                None => log::info!(provider, status; "a provider behind the API gave no alerts"),
            }
        }
        if !any {
            log::info!("the warning of a partial answer cannot be read");
        }
    }
    warnings
}

/// The note that a provider behind the API did not answer with this status, where that passes by itself.
fn incomplete(provider: &str, status: u16) -> Option<Error> {
    let code = match status {
        429 => Code::TOO_MANY_REQUESTS,
        500.. => SERVICE_UNAVAILABLE,
        _ => return None,
    };
    Some(Error::warning(
        code,
        format!("The answer is incomplete: {provider} gave {TITLE} no alerts (status {status})"),
    ))
}

/// `Vendor/Provider/Status/Latency`.
fn entry(text: &str) -> Option<(&str, u16)> {
    let (rest, latency) = text.rsplit_once('/')?;
    let (rest, status) = rest.rsplit_once('/')?;
    let (_, provider) = rest.split_once('/')?;
    latency.trim().parse::<u64>().ok()?;
    Some((provider.trim(), status.trim().parse().ok()?)).filter(|(provider, _)| !provider.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reported(headers: &[&str]) -> Vec<(String, String)> {
        warnings(headers.iter().copied())
            .iter()
            .map(|warning| (warning.code().to_string(), warning.message().to_owned()))
            .collect()
    }

    #[test]
    fn only_what_passes_by_itself_is_reported() {
        let header =
            r#"199 - "Microsoft/Microsoft Defender ATP/504/10001", 199 - "Palo Alto, Inc./NGFW/429/20""#;
        let warnings = reported(&[header]);
        assert_eq!(warnings.len(), 2);
        assert_eq!(warnings[0].0, "service unavailable");
        assert!(warnings[0].1.contains("Microsoft Defender ATP"), "{warnings:?}");
        assert_eq!(warnings[1].0, "too many requests");
        assert!(warnings[1].1.contains("NGFW"), "{warnings:?}");
        for status in ["400", "401", "403", "404"] {
            assert_eq!(reported(&[&format!(r#"199 - "Microsoft/Microsoft Defender ATP/{status}/248""#)]), []);
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for header in
            ["", "199 -", "199 - \"\"", "199 - \"a/b\"", "199 - \"a/b/c/d\"", "\"//503/1\"", "\"a/b/503/x\""]
        {
            assert_eq!(reported(&[header]), [], "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in ".*|(199 - )?\"[a/0-9]*\"(, )?") {
            let _ = reported(&[&header]);
        }
    }
}
