use futures::FutureExt;

use super::*;

const PART: usize = FIRST;

fn accounts<const N: usize>(parts: usize) -> [Arc<Account>; N] {
    let rooms = Arc::new(Rooms::new(parts * PART));
    std::array::from_fn(|_| rooms.account())
}

/// A number of answers of one part each that were read.
fn hold(account: &Arc<Account>, answers: usize) -> Vec<Room> {
    let room = || account.try_begin().map(Room::read);
    std::iter::from_fn(room).take(answers).collect()
}

/// Parts in use, and requests that have some.
fn used(account: &Account) -> (usize, usize) {
    let state = account.rooms.lock();
    (state.used / PART, state.sharing)
}

#[tokio::test]
async fn there_is_never_more_in_use_than_there_is() {
    let [one, other] = accounts(4);
    let mut rooms: Vec<Room> = std::iter::from_fn(|| one.try_begin()).collect();
    assert_eq!((rooms.len(), used(&one)), (4, (4, 1)));
    let mut next = Box::pin(other.begin());
    assert!(next.as_mut().now_or_never().is_none());
    rooms.pop();
    let room = next.now_or_never().expect("the room that came free").expect("its share");
    assert_eq!(used(&one), (4, 2));
    drop((room, rooms));
    assert_eq!(used(&one), (0, 0));
}

#[tokio::test]
async fn an_answer_grows_and_gives_back_what_it_does_not_need() {
    let [one] = accounts(8);
    let mut room = one.try_begin().expect("room");
    room.grow(8 * PART).await.expect("all of it");
    assert!(one.try_begin().is_none());
    room.shrink(2 * PART);
    assert_eq!((room.bytes, used(&one)), (2 * PART, (2, 1)));
    room.grow(PART).await.expect("it is larger already");
    assert_eq!(room.bytes, 2 * PART);
    assert!(room.grow(9 * PART).await.is_err(), "more than there ever is");
}

#[tokio::test]
async fn without_room_a_request_that_has_its_share_gets_no_more_and_others_wait() {
    let [one, other] = accounts(8);
    let mut large = one.try_begin().expect("room");
    let mut small = other.try_begin().expect("room");
    large.grow(7 * PART).await.expect("room");
    // The share of two requests is four parts.
    assert!(large.grow(8 * PART).await.is_err());
    let mut growing = Box::pin(small.grow(4 * PART));
    assert!(growing.as_mut().now_or_never().is_none(), "it waits for the other one");
    drop(large);
    growing.await.expect("room");
    assert_eq!(used(&one), (4, 1));
}

#[tokio::test]
async fn what_a_request_holds_counts_until_it_is_answered() {
    let [one, other] = accounts(8);
    let held = hold(&one, 7);
    assert_eq!(used(&one), (7, 1));
    let fits = one.try_begin().expect("room for one more answer");
    assert!(one.begin().now_or_never().is_none(), "until it is read");
    let fits = fits.read();
    assert!(one.begin().await.is_err(), "alone it has all there is");
    let mut waits = Box::pin(other.begin());
    assert!(waits.as_mut().now_or_never().is_none());
    drop((held, fits));
    let room = waits.now_or_never().expect("the first request is answered").expect("its share");
    drop(room);
    assert_eq!(used(&other), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_learns_that_others_have_made_its_share_small() {
    let [one, other, third] = accounts(11);
    let (_held, mut large) = (hold(&one, 3), other.try_begin().expect("room"));
    large.grow(8 * PART).await.expect("room");
    let mut new = Box::pin(third.begin());
    let mut waits = Box::pin(one.begin());
    assert!(new.as_mut().now_or_never().is_none());
    assert!(waits.as_mut().now_or_never().is_none(), "half of it is five parts and a half");
    large.shrink(7 * PART);
    let _new = new.now_or_never().expect("room").expect("its share");
    assert!(waits.as_mut().now_or_never().is_none());
    // A third of it is less than four.
    let ended = timeout(RECHECK * 3, waits).await.expect("in time");
    assert!(ended.is_err());
}

#[tokio::test]
async fn an_answer_begins_with_what_those_before_it_took() {
    let [one, other] = accounts(8);
    let mut held = one.room_for(2 * PART / TIMES).await.expect("room").read();
    held.absorb(one.room_for(4 * PART / TIMES).await.expect("room").read());
    assert!(one.try_begin().is_none(), "three parts");
    assert!(other.try_begin().is_some(), "one part");
    assert_eq!(used(&one), (5, 1), "nearly six");
    drop(held);
    assert_eq!(one.try_begin().expect("room").bytes / PART, 2, "nearly three");
}

#[tokio::test]
async fn answers_that_are_under_way_go_before_new_ones() {
    let [one, other, third] = accounts(8);
    let mut large = one.try_begin().expect("room");
    large.grow(8 * PART).await.expect("all of it");
    let mut new = Box::pin(other.begin());
    assert!(new.as_mut().now_or_never().is_none());
    large.shrink(7 * PART);
    let mut room = new.now_or_never().expect("room").expect("its share");
    assert_eq!(used(&one), (8, 2));
    let mut growing = Box::pin(room.grow(2 * PART));
    assert!(growing.as_mut().now_or_never().is_none());
    let mut new = Box::pin(third.begin());
    assert!(new.as_mut().now_or_never().is_none());
    large.shrink(6 * PART);
    assert!(new.as_mut().now_or_never().is_none(), "not before the one that grows");
    assert!(growing.now_or_never().is_some());
}

#[tokio::test]
async fn a_wait_that_is_given_up_takes_no_room_with_it() {
    let [one, other, third] = accounts(3);
    let held: Vec<Room> = std::iter::from_fn(|| one.try_begin()).collect();
    let (mut gone, mut granted) = (Box::pin(other.begin()), Box::pin(third.begin()));
    assert!(gone.as_mut().now_or_never().is_none() && granted.as_mut().now_or_never().is_none());
    drop(gone);
    drop(held);
    assert_eq!(used(&third), (1, 1), "granted, but not yet taken");
    drop(granted);
    assert_eq!(used(&one), (0, 0));
}
