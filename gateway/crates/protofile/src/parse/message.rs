//! Messages: their statements, oneofs, extension ranges, and what the compiler adds.

use std::collections::HashSet;

use super::{MAX_DEPTH, Owner, Parser, Step, index};
use crate::descriptor::{EnumType, Field, MessageType, Oneof, Range, label};
use crate::lex::Kind;

/// Stands for `max` until the options of the message are known.
pub(super) const MAX_SENTINEL: i32 = -1;

/// Behind the largest number of a field.
pub(crate) const END_OF_NUMBERS: i32 = 536_870_912;

impl Parser<'_> {
    pub(super) fn message(&mut self, message: &mut MessageType, path: &[i32], spot: usize) -> Step {
        if self.depth >= MAX_DEPTH {
            return self.fail_here("messages nest too deep");
        }
        self.depth += 1;
        self.advance();
        let read = self
            .within(path, &[1], |p, _| p.ident("expected the name of the message"))
            .map(|name| message.name = Some(name))
            .and_then(|()| self.message_block(message, path, spot));
        self.depth -= 1;
        read?;
        if self.is_proto3() {
            add_synthetic_oneofs(message);
        }
        Ok(())
    }

    pub(super) fn message_block(&mut self, message: &mut MessageType, path: &[i32], spot: usize) -> Step {
        self.end("{", Some(spot))?;
        while !self.try_end("}", None) {
            if self.at_end() {
                return self.fail_here("the file ends inside of a message: \"}\" is missing");
            }
            if self.message_statement(message, path).is_err() {
                self.skip_statement();
            }
        }
        let is_set = self.options.iter().any(|option| {
            option.element == path
                && matches!(&option.name[..], [part] if part.name == "message_set_wire_format" && !part.is_extension)
                && option.value == super::RawValue::Ident("true".to_owned())
        });
        let end = if is_set { i32::MAX } else { END_OF_NUMBERS };
        for range in message.extension_range.iter_mut().chain(&mut message.reserved_range) {
            if range.end == Some(MAX_SENTINEL) {
                range.end = Some(end);
            }
        }
        Ok(())
    }

    fn message_statement(&mut self, message: &mut MessageType, path: &[i32]) -> Step {
        if self.try_end(";", None) {
            return Ok(());
        }
        let mut visibility = None;
        if self.is_edition() && (self.looking("export") || self.looking("local")) {
            visibility = Some(self.visibility()?);
        }
        if self.looking("message") {
            let own = [path, &[3, index(&message.messages)]].concat();
            let mut nested = MessageType { visibility, ..MessageType::default() };
            let read = self.within(&own, &[], |p, spot| p.message(&mut nested, &own, spot));
            message.messages.push(nested);
            return read;
        }
        if self.looking("enum") {
            let own = [path, &[4, index(&message.enums)]].concat();
            let mut nested = EnumType { visibility, ..EnumType::default() };
            let read = self.within(&own, &[], |p, spot| p.enumeration(&mut nested, &own, spot));
            message.enums.push(nested);
            return read;
        }
        if self.looking("extensions") {
            let own = [path, &[5]].concat();
            return self.within(&own, &[], |p, spot| p.extensions(&mut message.extension_range, &own, spot));
        }
        if self.looking("reserved") {
            let (names, ranges) = (&mut message.reserved_name, &mut message.reserved_range);
            return self.reserved(names, ranges, path, (10, 9), false);
        }
        if self.looking("extend") {
            let (own, nested) = ([path, &[6]].concat(), [path, &[3]].concat());
            let (extensions, messages) = (&mut message.extensions, &mut message.messages);
            return self.within(&own, &[], |p, spot| p.extend(extensions, messages, &own, &nested, spot));
        }
        if self.looking("option") {
            let options = [path, &[7]].concat();
            return self.within(&options, &[], |p, _| p.option_statement(Owner::Message, path, &options));
        }
        if self.looking("oneof") {
            let own = [path, &[8, index(&message.oneofs)]].concat();
            return self.within(&own, &[], |p, spot| p.oneof(message, path, &own, spot));
        }
        let own = [path, &[2, index(&message.fields)]].concat();
        let nested = [path, &[3]].concat();
        let mut field = Field::default();
        let MessageType { fields, messages, .. } = message;
        let read = self.within(&own, &[], |p, spot| p.field(&mut field, messages, &own, &nested, spot));
        fields.push(field);
        read
    }

    fn oneof(&mut self, message: &mut MessageType, message_path: &[i32], path: &[i32], spot: usize) -> Step {
        let position = index(&message.oneofs);
        message.oneofs.push(Oneof::default());
        self.advance();
        let name = self.within(path, &[1], |p, _| p.ident("expected the name of the oneof"))?;
        if let Some(oneof) = message.oneofs.last_mut() {
            oneof.name = Some(name);
        }
        self.end("{", Some(spot))?;
        loop {
            if self.at_end() {
                return self.fail_here("the file ends inside of a oneof: \"}\" is missing");
            }
            if self.looking("option") {
                let options = [path, &[2]].concat();
                self.within(&options, &[], |p, _| p.option_statement(Owner::Oneof, path, &options))?;
            } else {
                if self.looking("required") || self.looking("optional") || self.looking("repeated") {
                    self.fault_here("members of a oneof have no label");
                    self.advance();
                }
                let own = [message_path, &[2, index(&message.fields)]].concat();
                let nested = [message_path, &[3]].concat();
                let mut field =
                    Field { label: Some(label::OPTIONAL), oneof_index: Some(position), ..Field::default() };
                let MessageType { fields, messages, .. } = message;
                let read =
                    self.within(&own, &[], |p, spot| p.unlabelled(&mut field, messages, &own, &nested, spot));
                fields.push(field);
                if read.is_err() {
                    self.skip_statement();
                }
            }
            if self.try_end("}", None) {
                return Ok(());
            }
        }
    }

    fn extensions(&mut self, ranges: &mut Vec<Range>, path: &[i32], spot: usize) -> Step {
        let first = ranges.len();
        self.advance();
        self.ranges(ranges, path, false)?;
        if self.looking("[") {
            let (options_before, spots_before) = (self.options.len(), self.spots.len());
            let own = [path, &[i32::try_from(first).unwrap_or(i32::MAX)]].concat();
            self.option_list(Owner::Range, &own, &[&own[..], &[3]].concat())?;
            self.copy_range_options(options_before, spots_before, first, ranges.len(), path.len());
        }
        self.end(";", Some(spot))
    }

    /// Options behind several ranges are of each of them.
    fn copy_range_options(&mut self, options: usize, spots: usize, first: usize, end: usize, depth: usize) {
        let written: Vec<_> = self.options.get(options..).unwrap_or_default().to_vec();
        let places: Vec<_> = self.spots.get(spots..).unwrap_or_default().to_vec();
        for position in first + 1..end {
            let position = i32::try_from(position).unwrap_or(i32::MAX);
            let shift = self.spots.len() - spots;
            for mut spot in places.clone() {
                if let Some(step) = spot.path.get_mut(depth) {
                    *step = position;
                }
                self.spots.push(spot);
            }
            for mut option in written.clone() {
                if let Some(step) = option.element.get_mut(depth) {
                    *step = position;
                }
                option.spot = option.spot.map(|spot| spot + shift);
                self.options.push(option);
            }
        }
    }

    pub(super) fn extend(
        &mut self,
        extensions: &mut Vec<Field>,
        messages: &mut Vec<MessageType>,
        path: &[i32],
        nested: &[i32],
        spot: usize,
    ) -> Step {
        self.advance();
        let start = self.lexer.current.start;
        let extendee = self.type_name()?;
        let end = self.lexer.previous.end;
        self.end("{", Some(spot))?;
        loop {
            if self.at_end() {
                return self.fail_here("the file ends inside of \"extend\": \"}\" is missing");
            }
            let own = [path, &[index(extensions)]].concat();
            let mut field = Field { extendee: Some(extendee.clone()), ..Field::default() };
            let read = self.within(&own, &[], |p, spot| {
                p.open_at(&own, &[2], start..end);
                p.field(&mut field, messages, &own, nested, spot)
            });
            extensions.push(field);
            if read.is_err() {
                self.skip_statement();
            }
            if self.try_end("}", None) {
                return Ok(());
            }
        }
    }

    /// The name of a type, as it is written.
    pub(super) fn type_name(&mut self) -> Step<String> {
        let token = self.lexer.current;
        if token.kind == Kind::Ident && crate::descriptor::kind::of(self.lexer.text(token)).is_some() {
            return self.fail_here("expected a message type");
        }
        let mut name = String::new();
        if self.try_eat(".") {
            name.push('.');
        }
        name.push_str(&self.ident("expected the name of a type")?);
        while self.try_eat(".") {
            name.push('.');
            name.push_str(&self.ident("expected a name")?);
        }
        Ok(name)
    }
}

/// Each `optional` field of proto3 is the only member of a oneof.
fn add_synthetic_oneofs(message: &mut MessageType) {
    let names =
        message.fields.iter().map(|field| &field.name).chain(message.oneofs.iter().map(|oneof| &oneof.name));
    let mut names: HashSet<String> = names.flatten().cloned().collect();
    for field in message.fields.iter_mut().filter(|field| field.proto3_optional == Some(true)) {
        let mut name = field.name.clone().unwrap_or_default();
        if !name.starts_with('_') {
            name.insert(0, '_');
        }
        while names.contains(&name) {
            name.insert(0, 'X');
        }
        names.insert(name.clone());
        field.oneof_index = Some(index(&message.oneofs));
        message.oneofs.push(Oneof { name: Some(name), options: None });
    }
}
