//! How a relay reaches the store of its replicas: encryption, password, and what it says when the store is away. Each test
//! ends where no program of a store is installed.

use relay_testkit::identity::Folder;
use relay_testkit::{Setup, Store, errors, eventually, log_lines};

use crate::acme::{setup, thing};
use crate::mock::Mock;

const UP: &str = "relay_shared_up{relay=\"acme\"} 1";
const AWAY: &str = "relay_shared_up{relay=\"acme\"} 0";

fn at(provider: &Mock, url: &str) -> Setup {
    setup(provider)
        .setting("RELAY_SHARED__URL", url)
        .setting("RELAY_SHARED__KEY", "a key of at least thirty-two bytes")
        .setting("RELAY_SHARED__TIMEOUT", "2s")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_store_is_used_if_its_certificate_is_trusted() {
    let folder = Folder::default();
    let Some((store, url, ca_file)) = Store::encrypted(&folder) else { return };
    let provider = Mock::always(thing(false, &[])).await;
    let trusting = at(&provider, &url).setting("RELAY_SHARED__CA_FILE", &ca_file).start().await;
    trusting.until_metrics(UP).await;
    assert_eq!(errors(&trusting.observe(&[("user", "a")]).await), []);
    eventually("the call in the store", async || store.dump().contains("relay:acme:")).await;
    // Without the authority the store is as good as away, which costs no request.
    let wary = at(&provider, &url).start().await;
    wary.until_metrics(AWAY).await;
    assert_eq!(errors(&wary.observe(&[("user", "b")]).await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_comes_from_its_file_and_is_needed() {
    let folder = Folder::default();
    let word = "9c2e-password-of-the-store";
    let Some(store) = Store::with(&["--user", "relay", "on", &format!(">{word}"), "~*", "&*", "+@all"])
    else {
        return;
    };
    let url = store.url().replace("redis://", "redis://relay@");
    let provider = Mock::always(thing(false, &[])).await;
    log_lines("");
    let file = folder.write("password", &format!("{word}\n"));
    let knowing = at(&provider, &url).setting("RELAY_SHARED__PASSWORD_FILE", &file).start().await;
    knowing.until_metrics(UP).await;
    let file = folder.write("wrong", "another password");
    let mistaken = at(&provider, &url).setting("RELAY_SHARED__PASSWORD_FILE", &file).start().await;
    mistaken.until_metrics(AWAY).await;
    assert_eq!(errors(&mistaken.observe(&[("user", "a")]).await), []);
    assert_eq!(log_lines(word), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_line_says_that_the_store_is_away_and_one_that_it_is_back() {
    let Some(mut store) = Store::start() else { return };
    let provider = Mock::always(thing(false, &[])).await;
    log_lines("");
    let relay = at(&provider, &store.url()).start().await;
    relay.until_metrics(UP).await;
    let place = store.url().replace("redis://", "").replace("/0", "");
    let away = || log_lines(&format!("the shared store {place} fails"));
    let back = || log_lines(&format!("the shared store {place} answers again"));
    assert_eq!((away().len(), back().len()), (0, 0));
    store.kill();
    relay.until_metrics(AWAY).await;
    for name in ["a", "b", "c", "d"] {
        relay.observe(&[("thing", name)]).await;
    }
    assert_eq!((away().len(), back().len()), (1, 0));
    store.restart();
    relay.until_metrics(UP).await;
    assert_eq!((away().len(), back().len()), (1, 1));
}
