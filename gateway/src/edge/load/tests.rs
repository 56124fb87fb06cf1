//! What is counted, for whom, and what is refused when it runs short.

use super::*;

fn load(totals: &Arc<Totals>, buffers: usize, address: &str) -> Arc<Load> {
    let load = Load::new(Arc::clone(totals), buffers, 25);
    load.set_client(totals.client(address.parse().unwrap()));
    Arc::new(load)
}

#[test]
fn what_is_charged_is_given_back_once() {
    let load = Arc::new(Load::new(Arc::default(), 200, 25));
    let mut whole = Charge::new(&load, 100);
    whole.grow(50);
    let part = whole.split(120);
    assert!(load.has_room(50) && !load.has_room(51) && load.is_pressed());
    drop(whole);
    assert!(load.has_room(80) && !load.has_room(81));
    drop(part);
    assert_eq!(load.totals.buffered(), 0);
    assert!(!load.is_pressed());
}

#[test]
fn an_address_that_holds_much_leaves_room_for_others() {
    let totals = Arc::default();
    let greedy = load(&totals, 10_240, "203.0.113.7");
    let held = Charge::new(&greedy, 8_000);
    assert_eq!(greedy.reserve(1_000), Err(Shortage::BufferShare));
    let other = load(&totals, 10_240, "203.0.113.8");
    assert_eq!(other.reserve(1_000), Ok(()));
    assert_eq!(other.reserve(3_000), Err(Shortage::Buffers));
    // Another connection of the same address is served with little, while there is a little.
    let neighbour = load(&totals, 10_240, "203.0.113.7");
    assert_eq!(neighbour.reserve(40), Ok(()));
    assert_eq!(neighbour.reserve(41), Err(Shortage::BufferShare));
    let more = Charge::new(&other, 1_000);
    assert_eq!(neighbour.reserve(40), Err(Shortage::BufferShare), "seven eighths are in use");
    let proxy = Load::new(Arc::clone(&totals), 10_240, 25);
    assert_eq!(proxy.reserve(1_000), Ok(()), "a trusted proxy is not limited");
    assert_eq!(proxy.of_request("203.0.113.7".parse().unwrap()).reserve(1_000), Err(Shortage::BufferShare));
    drop((held, more));
    assert_eq!(greedy.reserve(8_000), Ok(()));
}

#[test]
fn pressure_rises_from_three_quarters_on() {
    for (held, pressure) in
        [(0, 0), (1199, 0), (1200, 1), (1300, 2), (1400, 3), (1500, 4), (1600, 4), (9000, 4)]
    {
        let load = Arc::new(Load::new(Arc::default(), 1600, 25));
        let _held = Charge::new(&load, held);
        assert_eq!(load.pressure(), pressure, "{held} of 1600");
    }
}

#[test]
fn requests_that_wait_for_their_bodies_take_no_slot() {
    let totals = Arc::<Totals>::default();
    let load = load(&totals, 0, "203.0.113.7");
    let limits = RequestLimits { requests: 80, share: 25 };
    let mut waiting: Vec<RequestSlot<'_>> = Vec::new();
    for _ in 0..60 {
        let mut slot = RequestSlot::take(&load, limits).unwrap();
        slot.await_body().unwrap();
        slot.await_body().unwrap();
        waiting.push(slot);
    }
    assert_eq!((totals.requests(), totals.pending()), (0, 60));
    let mut next = RequestSlot::take(&load, limits).unwrap();
    assert_eq!(next.await_body(), Err(Shortage::PendingShare));
    drop(next);
    waiting.iter_mut().for_each(|slot| slot.resume().unwrap());
    assert_eq!((totals.requests(), totals.pending()), (60, 0));
    assert_eq!(RequestSlot::take(&load, limits).err(), Some(Shortage::RequestShare));
    let other = self::load(&totals, 0, "203.0.113.8");
    let slots: Vec<_> = (0..20).map_while(|_| RequestSlot::take(&other, limits).ok()).collect();
    assert_eq!((slots.len(), totals.requests()), (10, 70), "it leaves some for the next client");
    let trusted = Load::new(Arc::clone(&totals), 0, 25);
    let last: Vec<_> = (0..10).map(|_| RequestSlot::take(&trusted, limits).unwrap()).collect();
    assert_eq!(RequestSlot::take(&trusted, limits).err(), Some(Shortage::Requests));
    drop((last, slots, waiting));
    assert_eq!((totals.requests(), totals.pending()), (0, 0));
}

#[test]
fn a_connection_with_few_requests_is_served_beside_others_of_its_address() {
    let totals = Arc::<Totals>::default();
    let limits = RequestLimits { requests: 80, share: 25 };
    let greedy = load(&totals, 0, "203.0.113.7");
    let held: Vec<_> = (0..80).map_while(|_| RequestSlot::take(&greedy, limits).ok()).collect();
    assert_eq!(held.len(), 60);
    let neighbours = [load(&totals, 0, "203.0.113.7"), load(&totals, 0, "203.0.113.7")];
    let few: Vec<_> = (0..80).map_while(|_| RequestSlot::take(&neighbours[0], limits).ok()).collect();
    assert_eq!(few.len(), 8);
    let fewer: Vec<_> = (0..80).map_while(|_| RequestSlot::take(&neighbours[1], limits).ok()).collect();
    assert_eq!(fewer.len(), 2, "until seven eighths are used");
    drop((held, few, fewer));
    assert_eq!((totals.requests(), totals.pending()), (0, 0));
}
