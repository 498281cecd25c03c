//! The file of connections.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::token::claims_of;

/// A folder of its own with these files, readable by their owner only.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("relayctl-connections-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(path)
    }

    fn read(&self, text: &str) -> anyhow::Result<Connections> {
        fs::write(self.0.join("relays.toml"), text).unwrap();
        Connections::read(&self.0.join("relays.toml"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SECRET: &str = "a-secret-of-thirty-two-characters";

#[test]
fn tokens_are_taken_or_signed_for_each_call() {
    let claims = r#"{"key": "demo-key", "password": "demo-password"}"#;
    let folder = Folder::new("kinds", &[("t", "Bearer a.b.c\n"), ("c", claims), ("s", SECRET)]);
    let connections = folder
        .read(
            "[relays.z-first]\nrelay = \"xforce\"\nurl = \"https://x.example\"\ntoken_file = \"t\"\n\
             [relays.a-second]\nrelay = \"xforce\"\nurl = \"https://y.example/below\"\nclaims_file = \"c\"\nsecret_file = \"s\"\n",
        )
        .unwrap();
    assert_eq!(connections.warnings, [""; 0]);
    let [first, second] = &connections.relays[..] else { panic!("{connections:?}") };
    assert_eq!((first.name.as_str(), first.token().unwrap().as_deref()), ("z-first", Some("a.b.c")));
    let signed = claims_of(&second.token().unwrap().unwrap()).unwrap();
    assert_eq!((&signed["aud"], &signed["key"]), (&json!("https://y.example/below"), &json!("demo-key")));
    assert_eq!(signed["exp"].as_i64().unwrap() - signed["iat"].as_i64().unwrap(), 600);
    assert!(!format!("{connections:?}").contains("demo-password"));
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_without_secrets() {
    let folder = Folder::new("wrong", &[("t", SECRET), ("c", "{\"key\": \"hush\""), ("s", SECRET)]);
    let head = "# mine\n[relays.x]\nrelay = \"xforce\"\nurl = \"https://x.example\"\n";
    for (text, line, expected) in [
        (format!("{head}token = \"{SECRET}\"\n"), 5, "unknown field `token`"),
        (format!("{head}token_file = \"gone\"\n"), 5, "cannot read"),
        (format!("{head}claims_file = \"c\"\nsecret_file = \"s\"\n"), 5, "JSON object of claims"),
        (format!("{head}claims_file = \"c\"\n"), 5, "JSON object of claims"),
        (head.to_owned(), 2, "either token_file, or claims_file"),
        (format!("{head}token_file = \"t\"\nclaims_file = \"c\"\n"), 2, "either token_file, or claims_file"),
        (head.replace("xforce", "acme"), 3, "no relay is named `acme`"),
        (head.replace("https://x.example", "x.example"), 4, "url: "),
    ] {
        let why = format!("{:#}", folder.read(&text).unwrap_err());
        assert!(why.contains(&format!("relays.toml:{line}")) && why.contains(expected), "{text}: {why}");
        assert!(!why.contains(SECRET) && !why.contains("hush"), "{why}");
    }
    assert!(folder.read("").unwrap_err().to_string().contains("names no relay"));
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    let folder = Folder::new("mode", &[("t", "a.b.c")]);
    fs::set_permissions(folder.0.join("t"), fs::Permissions::from_mode(0o644)).unwrap();
    let read = folder
        .read("[relays.x]\nrelay = \"xforce\"\nurl = \"https://x.example\"\ntoken_file = \"t\"\n")
        .unwrap();
    assert_eq!(read.warnings.len(), 1, "{:?}", read.warnings);
    assert!(read.warnings[0].contains("relays.toml:4: other users can read"), "{:?}", read.warnings);
}

#[test]
fn a_relay_is_named_by_connection_kind_or_url() {
    let folder = Folder::new("named", &[("t", "a.b.c")]);
    folder
        .read("[relays.mine]\nrelay = \"xforce\"\nurl = \"https://x.example\"\ntoken_file = \"t\"\n")
        .unwrap();
    let config = Config { file: Some(folder.0.join("relays.toml")) };
    let named = |name: &str, token| config.relay(name, token, &mut Vec::new());
    assert_eq!(named("mine", None).unwrap().token().unwrap().as_deref(), Some("a.b.c"));
    assert_eq!(named("mine", Some("x.y.z")).unwrap().token().unwrap().as_deref(), Some("x.y.z"));
    assert_eq!(named("xforce", None).unwrap().url.as_str(), "http://127.0.0.1:9105/");
    assert_eq!(named("https://r.example", None).unwrap().token().unwrap(), None);
    let why = named("nobody", None).unwrap_err().to_string();
    assert!(why.contains("there are: mine, graph"), "{why}");
}
