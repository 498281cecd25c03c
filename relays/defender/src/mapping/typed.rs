//! Observables, typed by their value.

use relay_core::ctim::{Observable, ObservableType};
use relay_core::observable;

use crate::network;

/// An address; an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) as what it is.
pub(super) fn address(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    let address = network::address(text)?;
    if address.is_ipv4() {
        Observable::address(address.to_string().as_str())
    } else {
        Observable::address(text)
    }
}

/// What stands in a field for URLs: a URL, an address, a host name with or without a port.
pub(super) fn web(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    if network::url(text).is_some() {
        return Observable::new(ObservableType::Url, text);
    }
    if let Some(address) = address(Some(text)) {
        return Some(address);
    }
    domain(Some(network::without_port(text))).or_else(|| Observable::new(ObservableType::Url, text))
}

/// The host of what [`web`] reads, where it is a name and no address.
pub(super) fn host(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    if network::url(text).is_none() {
        network::host(text)?;
        return domain(Some(network::without_port(text)));
    }
    Observable::new(ObservableType::Domain, network::host(text)?.as_str())
}

/// A host name as it was written, without a dot at its end.
pub(super) fn domain(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    observable::domain(text)?;
    Observable::new(ObservableType::Domain, text.strip_suffix('.').unwrap_or(text))
}

/// An absolute URL that a file can be downloaded from.
pub(super) fn download(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    let url = network::url(text).filter(|url| matches!(url.scheme(), "http" | "https" | "ftp"))?;
    url.host_str().filter(|host| !host.is_empty())?;
    Observable::new(ObservableType::Url, text)
}

/// The name of a file.
pub(super) fn file_name(text: Option<&str>) -> Option<Observable> {
    Observable::new(ObservableType::FileName, text)
}

/// The path of a file: the folder and the name, unless the folder ends with the name already.
pub(super) fn file_path(folder: Option<&str>, name: Option<&str>) -> Option<Observable> {
    let filled = |text: &&str| !text.trim().is_empty();
    let path = folder.filter(filled)?;
    let whole = match name.filter(filled) {
        Some(name) => joined(path, name),
        None => path.to_owned(),
    };
    Observable::new(ObservableType::FilePath, whole.as_str())
}

fn joined(path: &str, name: &str) -> String {
    let (lower, wanted) = (path.to_lowercase(), name.to_lowercase());
    let ends_with_name =
        lower.strip_suffix(&wanted).is_some_and(|before| before.is_empty() || before.ends_with(['/', '\\']));
    if ends_with_name {
        return path.to_owned();
    }
    let mut start = path.chars();
    let has_drive = start.next().is_some_and(|c| c.is_ascii_alphabetic()) && start.next() == Some(':');
    let separator = if path.contains('\\') || has_drive { '\\' } else { '/' };
    format!("{}{separator}{name}", path.trim_end_matches(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(observable: Option<Observable>) -> String {
        observable.map_or_else(|| "-".to_owned(), |found| format!("{} {}", found.kind(), found.value()))
    }

    #[test]
    fn the_type_follows_from_the_value() {
        let table = [
            ("https://C2.bad.example/p", "url https://C2.bad.example/p", "domain c2.bad.example"),
            ("c2.bad.example", "domain c2.bad.example", "domain c2.bad.example"),
            ("c2.bad.example:8443", "domain c2.bad.example", "domain c2.bad.example"),
            ("c2.bad.example/path", "url c2.bad.example/path", "-"),
            ("203.0.113.9", "ip 203.0.113.9", "-"),
            ("http://203.0.113.9/", "url http://203.0.113.9/", "-"),
            ("2001:db8::1", "ipv6 2001:db8::1", "-"),
            ("::ffff:203.0.113.9", "ip 203.0.113.9", "-"),
            ("", "-", "-"),
        ];
        for (text, as_web, as_host) in table {
            assert_eq!(
                (shown(web(Some(text))).as_str(), shown(host(Some(text))).as_str()),
                (as_web, as_host),
                "{text}"
            );
        }
        assert_eq!(shown(address(Some("-"))), "-");
        assert_eq!((shown(web(None)), shown(host(None))), ("-".to_owned(), "-".to_owned()));
    }

    #[test]
    fn a_download_has_an_address_on_the_network() {
        for good in ["https://dl.bad.example/x", "http://203.0.113.9/", "ftp://a.example/x"] {
            assert_eq!(shown(download(Some(good))), format!("url {good}"));
        }
        for bad in
            ["about:internet", r"C:\Users\x.zip", "file:///tmp/x", "dl.bad.example", "", "javascript:x"]
        {
            assert_eq!(shown(download(Some(bad))), "-", "{bad}");
        }
    }

    #[test]
    fn a_folder_and_a_name_are_a_path() {
        let path = |folder, name| file_path(Some(folder), Some(name)).unwrap().value().to_owned();
        let table = [
            ("/usr/sbin", "crond", "/usr/sbin/crond"),
            ("C:\\", "a.exe", "C:\\a.exe"),
            ("C:", "a.exe", "C:\\a.exe"),
            ("C:\\Temp", "loader.exe", "C:\\Temp\\loader.exe"),
            ("c:\\temp\\LOADER.exe", "loader.exe", "c:\\temp\\LOADER.exe"),
            ("loader.exe", "loader.exe", "loader.exe"),
            ("C:\\Temp\\xloader.exe", "loader.exe", "C:\\Temp\\xloader.exe\\loader.exe"),
            ("/", "x", "/x"),
            ("\\\\server\\share\\", "x", "\\\\server\\share\\x"),
        ];
        for (folder, name, whole) in table {
            assert_eq!(path(folder, name), whole);
        }
        assert_eq!(shown(file_path(Some("C:\\Temp"), None)), "file_path C:\\Temp");
        assert_eq!(
            (shown(file_path(None, Some("x"))), shown(file_path(Some(" "), Some("x")))),
            ("-".into(), "-".into())
        );
    }
}
