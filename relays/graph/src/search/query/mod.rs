//! Questions about observables, in the query languages of the APIs. A value is always one literal: it adds no
//! condition and changes none.

pub mod hunting;
pub mod legacy;
pub mod v2;

/// Folder and name of a file's path; nothing where it has no folder or no name.
fn split_path(path: &str) -> Option<(&str, &str)> {
    let at = path.rfind(['\\', '/'])?;
    let (folder, name) = (&path[..at], &path[at + 1..]);
    (!folder.is_empty() && !name.is_empty()).then_some((folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_at_its_last_separator() {
        assert_eq!(split_path("C:\\Temp\\drop.exe"), Some(("C:\\Temp", "drop.exe")));
        assert_eq!(split_path("/usr/bin/sh"), Some(("/usr/bin", "sh")));
        assert_eq!(split_path("C:\\Temp/drop.exe"), Some(("C:\\Temp", "drop.exe")));
        for whole in ["drop.exe", "/drop", "C:\\Temp\\", "\\"] {
            assert_eq!(split_path(whole), None, "{whole}");
        }
    }
}
