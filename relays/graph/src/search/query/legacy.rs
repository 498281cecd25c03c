//! Filters of `/security/alerts`.

use relay_core::escape::odata;
use relay_core::observable::{Observable, ObservableType};

/// The `$filter` that finds the alerts that name an observable, not yet encoded for a URL. Nothing for a type
/// that these alerts do not hold.
pub fn filter(about: &Observable) -> Option<String> {
    let value = odata(about.value());
    Some(match about.kind() {
        ObservableType::Domain => format!("networkConnections/any(x: x/destinationDomain eq {value})"),
        ObservableType::Ip => {
            format!(
                "networkConnections/any(x: x/sourceAddress eq {value} or x/destinationAddress eq {value})"
            )
        }
        ObservableType::Url => format!("networkConnections/any(x: x/destinationUrl eq {value})"),
        ObservableType::Hostname => format!("hostStates/any(x: x/netBiosName eq {value})"),
        ObservableType::FileName => format!("fileStates/any(x: x/name eq {value})"),
        ObservableType::FilePath => format!("fileStates/any(x: x/path eq {value})"),
        ObservableType::Sha256 => {
            let lower = odata(&about.value().to_ascii_lowercase());
            if lower == value {
                format!("fileStates/any(x: x/fileHash/hashValue eq {value})")
            } else {
                // Some vendors write digits in upper case, most in lower case.
                format!(
                    "fileStates/any(x: x/fileHash/hashValue eq {value} or x/fileHash/hashValue eq {lower})"
                )
            }
        }
        _ => return None,
    })
}
