use super::*;

#[test]
fn folder_and_name_are_joined_as_their_system_does() {
    for (path, name, expected) in [
        ("C:\\Temp", "drop.exe", Some("C:\\Temp\\drop.exe")),
        ("C:\\Temp\\", "drop.exe", Some("C:\\Temp\\drop.exe")),
        ("C:", "drop.exe", Some("C:\\drop.exe")),
        ("C:\\Temp\\drop.exe", "drop.exe", Some("C:\\Temp\\drop.exe")),
        ("C:\\Temp\\xdrop.exe", "drop.exe", Some("C:\\Temp\\xdrop.exe\\drop.exe")),
        ("/usr/bin", "sh", Some("/usr/bin/sh")),
        ("/", "vmlinuz", Some("/vmlinuz")),
        ("/usr/bin/sh", "sh", Some("/usr/bin/sh")),
        ("drop.exe", "drop.exe", Some("drop.exe")),
        ("é", "x", Some("é/x")),
    ] {
        let file = File { file_path: Some(path.into()), file_name: Some(name.into()), ..File::default() };
        assert_eq!(file.full_path().as_deref(), expected, "{path} {name}");
    }
}
