//! Numbers of fields and enum values, ranges, and what is reserved.

use std::collections::{HashMap, HashSet};

use super::{Checker, is_message_set};
use crate::descriptor::{EnumType, Field, MessageType, Range};
use crate::parse::END_OF_NUMBERS;
use crate::wire;

/// The numbers that are the implementation's own.
const IMPLEMENTATION: std::ops::Range<i32> = 19_000..20_000;

fn bounds(range: &Range) -> (i32, i32) {
    (range.start.unwrap_or_default(), range.end.unwrap_or_default())
}

impl Checker<'_> {
    pub(super) fn field_number(&mut self, field: &Field, path: &[i32]) {
        let Some(number) = field.number else { return };
        if number <= 0 {
            self.wrong(path, "the numbers of fields begin at 1");
        } else if number >= END_OF_NUMBERS && field.extendee.is_none() {
            self.wrong(path, format!("the numbers of fields end at {}", END_OF_NUMBERS - 1));
        } else if IMPLEMENTATION.contains(&number) {
            self.wrong(path, "the numbers 19000 to 19999 are reserved for implementations of protobuf");
        }
    }

    pub(super) fn numbers_of_message(&mut self, message: &MessageType, path: &[i32]) {
        let inside = |step: [i32; 2]| [path, &step].concat();
        let end = if is_message_set(message) { i32::MAX } else { END_OF_NUMBERS };
        for (number, list) in [(5, &message.extension_range), (9, &message.reserved_range)] {
            for (index, range) in (0..).zip(list) {
                let (start, stop) = bounds(range);
                if start <= 0 {
                    self.wrong(&inside([number, index]), "the numbers of fields begin at 1");
                } else if stop > end && number == 5 {
                    self.wrong(&inside([number, index]), format!("the numbers of fields end at {}", end - 1));
                } else if start >= stop {
                    self.wrong(&inside([number, index]), "the end of a range is not below its start");
                }
            }
        }
        self.overlaps(message, path);
        let mut taken: HashMap<i32, &str> = HashMap::new();
        let reserved: HashSet<&str> = message.reserved_name.iter().map(String::as_str).collect();
        for (index, field) in (0..).zip(&message.fields) {
            let (Some(name), Some(number)) = (field.name.as_deref(), field.number) else { continue };
            let at = [&inside([2, index])[..], &[3]].concat();
            if let Some(other) = taken.insert(number, name) {
                self.wrong(&at, format!("the number {number} is taken by the field `{other}`"));
            }
            let inside_of = |list: &[Range]| {
                list.iter().any(|range| (bounds(range).0..bounds(range).1).contains(&number))
            };
            if inside_of(&message.extension_range) {
                self.wrong(&at, format!("the number {number} is in a range of extensions"));
            }
            if inside_of(&message.reserved_range) {
                self.wrong(&at, format!("the number {number} is reserved"));
            }
            if reserved.contains(name) {
                self.wrong(
                    &[&inside([2, index])[..], &[1]].concat(),
                    format!("the name `{name}` is reserved"),
                );
            }
        }
        self.names_twice(&message.reserved_name, path, 10);
    }

    /// Ranges that share numbers.
    fn overlaps(&mut self, message: &MessageType, path: &[i32]) {
        let mut ranges: Vec<(i32, i32, i32, i32)> = Vec::new();
        for (number, list) in [(5, &message.extension_range), (9, &message.reserved_range)] {
            ranges.extend((0..).zip(list).map(|(index, range)| {
                let (start, stop) = bounds(range);
                (start, stop, number, index)
            }));
        }
        ranges.sort_unstable();
        let mut end = i32::MIN;
        for (start, stop, number, index) in ranges {
            if start < end {
                self.wrong(&[path, &[number, index]].concat(), "this range overlaps with another");
            }
            end = end.max(stop);
        }
    }

    fn names_twice(&mut self, names: &[String], path: &[i32], number: i32) {
        let mut seen = HashSet::new();
        for (index, name) in (0..).zip(names) {
            if !seen.insert(name) {
                self.wrong(
                    &[path, &[number, index]].concat(),
                    format!("the name `{name}` is reserved twice"),
                );
            }
        }
    }

    pub(super) fn numbers_of_enum(&mut self, descriptor: &EnumType, path: &[i32]) {
        let inside = |step: [i32; 2]| [path, &step].concat();
        let mut ranges: Vec<(i32, i32, i32)> = Vec::new();
        for (index, range) in (0..).zip(&descriptor.reserved_range) {
            let (start, last) = bounds(range);
            if start > last {
                self.wrong(&inside([4, index]), "the end of a range is not below its start");
            }
            ranges.push((start, last, index));
        }
        ranges.sort_unstable();
        let mut end = i64::MIN;
        for (start, last, index) in &ranges {
            if i64::from(*start) <= end {
                self.wrong(&inside([4, *index]), "this range overlaps with another");
            }
            end = end.max(i64::from(*last));
        }
        self.names_twice(&descriptor.reserved_name, path, 5);
        let alias = wire::number(descriptor.options.as_ref(), 2);
        let mut taken: HashMap<i32, &str> = HashMap::new();
        let mut any_alias = false;
        for (index, value) in (0..).zip(&descriptor.values) {
            let (Some(name), Some(number)) = (value.name.as_deref(), value.number) else { continue };
            let at = [&inside([2, index])[..], &[2]].concat();
            if let Some(other) = taken.get(&number) {
                any_alias = true;
                if self.is_linked && alias != Some(1) {
                    self.wrong(&at, format!("the number {number} is taken by `{other}`; `option allow_alias = true;` allows that"));
                }
            } else {
                taken.insert(number, name);
            }
            if ranges.iter().any(|(start, last, _)| (*start..=*last).contains(&number)) {
                self.wrong(&at, format!("the number {number} is reserved"));
            }
            if descriptor.reserved_name.iter().any(|reserved| reserved == name) {
                self.wrong(
                    &[&inside([2, index])[..], &[1]].concat(),
                    format!("the name `{name}` is reserved"),
                );
            }
        }
        match alias {
            Some(1) if !any_alias => {
                self.wrong(
                    &[path, &[3, 2]].concat(),
                    "`allow_alias` is set, and no two values share a number",
                );
            }
            Some(0) => {
                self.wrong(&[path, &[3, 2]].concat(), "`allow_alias = false` has no effect: remove it")
            }
            _ => {}
        }
    }
}
