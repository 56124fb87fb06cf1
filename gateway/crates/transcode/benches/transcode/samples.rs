//! The messages that are measured, the same in every run.

use crate::shapes::{Blobs, Item, Maps, Nested, Numbers, Order, Role, Status, Texts, User};

/// A small generator, so that the benchmark needs no crate for it (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

const WORDS: [&str; 12] = [
    "copper", "kettle", "with", "a", "long", "spout", "and", "wooden", "handle", "grün", "no. 7", "in-stock",
];

fn words(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| WORDS[random.below(12) as usize]).collect::<Vec<_>>().join(" ")
}

fn timestamp() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_767_088_800, nanos: 250_000_000 })
}

pub(crate) fn user() -> User {
    User {
        id: 48_151_623,
        name: "John Doe".into(),
        email: "john.doe@example.com".into(),
        phone: "+1 555 0100".into(),
        address: "12 Long Lane, Springfield".into(),
        role: Role::Customer as i32,
        active: true,
        created_at: timestamp(),
    }
}

fn item(random: &mut Random) -> Item {
    Item {
        id: random.below(1 << 40) as i64,
        product_name: words(random, 4),
        quantity: random.below(9) as i32 + 1,
        price: random.below(100_000) as f64 / 100.0,
    }
}

pub(crate) fn order(items: usize) -> Order {
    let mut random = Random(1);
    let items: Vec<Item> = (0..items).map(|_| item(&mut random)).collect();
    Order {
        id: 1_000_001,
        user_id: 48_151_623,
        user_name: "John Doe".into(),
        user_email: "john.doe@example.com".into(),
        total_amount: items.iter().map(|item| item.price * f64::from(item.quantity)).sum(),
        items,
        status: Status::Pending as i32,
        created_at: timestamp(),
    }
}

/// Prose with quotes, line ends and other scripts in it.
pub(crate) fn texts() -> Texts {
    let mut random = Random(2);
    let line = |index: usize, random: &mut Random| match index % 8 {
        0 => format!("\"{}\"\n\t{}", words(random, 20), words(random, 20)),
        1 => "日本語の文章と русский текст, mixed with English. ".repeat(4),
        _ => words(random, 60).replace("grün", "green"),
    };
    Texts {
        title: "Everything about kettles".into(),
        lines: (0..100).map(|index| line(index, &mut random)).collect(),
    }
}

pub(crate) fn numbers() -> Numbers {
    let mut random = Random(3);
    let mut many = |limit: u64| (0..500).map(|_| random.below(limit)).collect::<Vec<u64>>();
    Numbers {
        ints: many(100_000).iter().map(|number| *number as i32 - 50_000).collect(),
        longs: many(1 << 50).iter().map(|number| *number as i64).collect(),
        signed: many(2_000).iter().map(|number| *number as i32 - 1_000).collect(),
        hashes: many(u64::MAX),
        floats: many(100_000).iter().map(|number| *number as f32 / 100.0).collect(),
        doubles: many(1 << 52).iter().map(|number| *number as f64 / 1e9).collect(),
        flags: many(2).iter().map(|number| *number == 1).collect(),
    }
}

/// As deep as a tree of 80 levels.
pub(crate) fn nested() -> Nested {
    (0..80).fold(Nested::default(), |child, depth| Nested {
        name: format!("level {depth}"),
        depth,
        child: Some(Box::new(child)),
    })
}

pub(crate) fn maps() -> Maps {
    let mut random = Random(4);
    Maps {
        labels: (0..300).map(|index| (format!("example.com/label-{index}"), words(&mut random, 2))).collect(),
        counts: (0..300).map(|index| (index * 7, random.below(1 << 40) as i64)).collect(),
        items: (0..100).map(|index| (format!("sku-{index}"), item(&mut random))).collect(),
    }
}

pub(crate) fn blobs() -> Blobs {
    let mut random = Random(5);
    Blobs { parts: (0..20).map(|part| (0..part * 400).map(|_| random.next() as u8).collect()).collect() }
}
