//! What a relay logs in with instead of a secret: certificates, and the files that hold them.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{SignedDuration, Timestamp};
use provider_sim::Keys;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, date_time_ymd};

/// A folder of a test's own, which is removed with it.
pub struct Folder(PathBuf);

impl Default for Folder {
    fn default() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("relay-test-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Folder {
    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file; gives its path. Each time of change is another one, however fast a test writes.
    pub fn write(&self, name: &str, text: &str) -> String {
        static CHANGES: AtomicU32 = AtomicU32::new(0);
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        let later = SignedDuration::from_secs(CHANGES.fetch_add(1, Ordering::Relaxed).into());
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified((Timestamp::now() + later).into()).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One of the process's RSA keys, in PEM (PKCS #8): the same number is the same key.
pub fn rsa_key(number: usize) -> &'static str {
    static KEYS: [OnceLock<String>; 2] = [const { OnceLock::new() }; 2];
    KEYS[number].get_or_init(|| Keys::generate().unwrap().private_pem().unwrap())
}

/// A certificate of a key (PEM), in PEM, which expires after this number of days.
pub fn certificate(key: &str, days: i64) -> String {
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(["relay.example".to_owned()]).unwrap();
    // Certificates of one key differ by their end.
    let end = (Timestamp::now() + SignedDuration::from_hours(24 * days)).to_zoned(jiff::tz::TimeZone::UTC);
    let [month, day] = [end.month(), end.day()].map(|number| u8::try_from(number).unwrap());
    params.not_after = date_time_ymd(end.year().into(), month, day);
    params.self_signed(&key).unwrap().pem()
}
