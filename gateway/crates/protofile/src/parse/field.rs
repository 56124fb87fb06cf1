//! Fields: labels, types, maps, groups, defaults.

use super::{Owner, Parser, RawOption, Step, index};
use crate::descriptor::{Field, MessageType, kind, label};
use crate::lex::Token;
use crate::literal;

/// The two types of a map.
struct MapTypes {
    key: (Option<i32>, Option<String>),
    value: (Option<i32>, Option<String>),
}

impl Parser<'_> {
    pub(super) fn field(
        &mut self,
        field: &mut Field,
        messages: &mut Vec<MessageType>,
        path: &[i32],
        nested: &[i32],
        spot: usize,
    ) -> Step {
        let found =
            [("optional", label::OPTIONAL), ("repeated", label::REPEATED), ("required", label::REQUIRED)]
                .into_iter()
                .find(|(word, _)| self.looking(word));
        if let Some((word, label)) = found {
            if self.is_edition() && word == "optional" {
                self.fault_here("editions have no label \"optional\": singular fields have presence, unless features.field_presence says otherwise");
            }
            if self.is_edition() && word == "required" {
                self.fault_here(
                    "editions have no label \"required\": use features.field_presence = LEGACY_REQUIRED",
                );
            }
            self.within(path, &[4], |p, _| {
                p.advance();
                Ok(())
            })?;
            field.label = Some(label);
            if label == label::OPTIONAL && self.is_proto3() {
                field.proto3_optional = Some(true);
            }
        }
        self.unlabelled(field, messages, path, nested, spot)
    }

    pub(super) fn unlabelled(
        &mut self,
        field: &mut Field,
        messages: &mut Vec<MessageType>,
        path: &[i32],
        nested: &[i32],
        spot: usize,
    ) -> Step {
        let place = self.open(path, &[]);
        let map = self.field_type(field);
        self.close(place);
        let number = if field.r#type.is_some() { 5 } else { 6 };
        if let Some(place) = self.spots.get_mut(place) {
            place.path.push(number);
        }
        let map = map?;
        let name_token = self.lexer.current;
        field.name = Some(self.within(path, &[1], |p, _| p.ident("expected the name of the field"))?);
        if !self.try_eat("=") {
            return self.fail_here("the number of the field is missing");
        }
        field.number = Some(self.within(path, &[3], |p, _| p.integer("expected the number of the field"))?);
        self.field_options(field, path)?;
        if field.r#type == Some(kind::GROUP) {
            return self.group(field, messages, path, nested, spot, name_token);
        }
        self.end(";", Some(spot))?;
        if let Some(types) = map {
            self.add_map_entry(types, field, messages, path, nested);
        }
        Ok(())
    }

    fn field_type(&mut self, field: &mut Field) -> Step<Option<MapTypes>> {
        let word = self.lexer.current;
        let mut name = None;
        if self.try_eat("map") {
            if self.looking("<") {
                return self.map_type(field).map(Some);
            }
            name = Some("map".to_owned());
        }
        if field.label.is_none() {
            if !self.is_proto3() && !self.is_edition() {
                self.lexer.fault(word.start..word.end, "expected \"required\", \"optional\" or \"repeated\"");
            }
            field.label = Some(label::OPTIONAL);
        }
        match name {
            // A message that is called so.
            Some(name) => field.type_name = Some(name),
            None => (field.r#type, field.type_name) = self.any_type()?,
        }
        Ok(None)
    }

    fn any_type(&mut self) -> Step<(Option<i32>, Option<String>)> {
        let token = self.lexer.current;
        let builtin =
            (token.kind == crate::lex::Kind::Ident).then(|| kind::of(self.lexer.text(token))).flatten();
        let Some(builtin) = builtin else { return Ok((None, Some(self.type_name()?))) };
        if builtin == kind::GROUP && self.is_edition() {
            self.fault_here(
                "editions have no groups: use features.message_encoding = DELIMITED on a message field",
            );
        }
        self.advance();
        Ok((Some(builtin), None))
    }

    fn map_type(&mut self, field: &mut Field) -> Step<MapTypes> {
        let wrong = match () {
            () if field.oneof_index.is_some() => Some("a map cannot be a member of a oneof"),
            () if field.label.is_some() => Some("a map has no label"),
            () if field.extendee.is_some() => Some("a map cannot be an extension"),
            () => None,
        };
        if let Some(wrong) = wrong {
            return self.fail_here(wrong);
        }
        field.label = Some(label::REPEATED);
        self.expect("<")?;
        let key = self.any_type()?;
        self.expect(",")?;
        let value = self.any_type()?;
        self.expect(">")?;
        Ok(MapTypes { key, value })
    }

    fn group(
        &mut self,
        field: &mut Field,
        messages: &mut Vec<MessageType>,
        path: &[i32],
        nested: &[i32],
        spot: usize,
        name: Token,
    ) -> Step {
        let start = self.spots.get(spot).map_or(name.start, |spot| spot.at.start);
        let own = [nested, &[index(messages)]].concat();
        let group_spot = self.open_at(&own, &[], start..usize::MAX);
        self.open_at(&own, &[1], name.start..name.end);
        self.open_at(path, &[6], name.start..name.end);
        let group_name = field.name.clone().unwrap_or_default();
        if !group_name.starts_with(|first: char| first.is_ascii_uppercase()) {
            self.lexer.fault(name.start..name.end, "the name of a group begins with a capital letter");
        }
        field.name = Some(group_name.to_ascii_lowercase());
        field.type_name = Some(group_name.clone());
        let mut group = MessageType { name: Some(group_name), ..MessageType::default() };
        // Its place is taken at once: messages inside of it come behind.
        let position = messages.len();
        messages.push(group.clone());
        if !self.looking("{") {
            return self.fail_here("the fields of the group are missing");
        }
        if self.depth >= super::MAX_DEPTH {
            return self.fail_here("groups nest too deep");
        }
        self.depth += 1;
        let read = self.message_block(&mut group, &own, group_spot);
        self.depth -= 1;
        self.close(group_spot);
        if let Some(place) = messages.get_mut(position) {
            *place = group;
        }
        read
    }

    fn field_options(&mut self, field: &mut Field, path: &[i32]) -> Step {
        if !self.looking("[") {
            return Ok(());
        }
        let options = [path, &[8]].concat();
        self.within(&options, &[], |p, _| {
            p.advance();
            loop {
                if p.looking("default") {
                    p.default_value(field, path)?;
                } else if p.looking("json_name") {
                    p.json_name(field, path)?;
                } else {
                    p.option(Owner::Field, path, &options, false)?;
                }
                if !p.try_eat(",") {
                    return p.expect("]");
                }
            }
        })
    }

    fn json_name(&mut self, field: &mut Field, path: &[i32]) -> Step {
        let token = self.lexer.current;
        if field.json_name.take().is_some() {
            self.lexer.fault(token.start..token.end, "\"json_name\" is there already");
        }
        if field.extendee.is_some() {
            self.lexer.fault(token.start..token.end, "an extension has no \"json_name\"");
        }
        self.within(path, &[10], |p, _| {
            p.advance();
            p.expect("=")?;
            field.json_name =
                Some(p.within(path, &[10], |p, _| p.string("expected the JSON name as a string"))?);
            Ok(())
        })
    }

    fn default_value(&mut self, field: &mut Field, path: &[i32]) -> Step {
        if field.default_value.take().is_some() {
            self.fault_here("\"default\" is there already");
        }
        self.advance();
        self.expect("=")?;
        let at = self.open(path, &[7]);
        let value = self.default_text(field);
        self.close(at);
        field.default_value = Some(value?);
        Ok(())
    }

    fn default_text(&mut self, field: &Field) -> Step<String> {
        let Some(of) = field.r#type else {
            // Whether it is an enum is not known yet.
            let text = self.text(self.lexer.current);
            self.advance();
            return Ok(text);
        };
        let minus = |p: &mut Self| if p.try_eat("-") { "-" } else { "" };
        match of {
            kind::INT32 | kind::SINT32 | kind::SFIXED32 | kind::INT64 | kind::SINT64 | kind::SFIXED64 => {
                let is_long = matches!(of, kind::INT64 | kind::SINT64 | kind::SFIXED64);
                let max = if is_long { i64::MAX as u64 } else { i32::MAX as u64 };
                let sign = minus(self);
                let max = max + u64::from(!sign.is_empty());
                let value = self.integer64(max, "expected an integer as the default")?;
                Ok(if value == 0 { "0".to_owned() } else { format!("{sign}{value}") })
            }
            kind::UINT32 | kind::FIXED32 | kind::UINT64 | kind::FIXED64 => {
                if self.try_eat("-") {
                    self.fault_here("the default of an unsigned field is not negative");
                }
                let is_long = matches!(of, kind::UINT64 | kind::FIXED64);
                let max = if is_long { u64::MAX } else { u64::from(u32::MAX) };
                Ok(self.integer64(max, "expected an integer as the default")?.to_string())
            }
            kind::FLOAT | kind::DOUBLE => {
                let sign = if minus(self).is_empty() { 1.0 } else { -1.0 };
                let value = sign * self.number("expected a number as the default")?;
                Ok(if of == kind::FLOAT {
                    literal::print_float(value as f32)
                } else {
                    literal::print_double(value)
                })
            }
            kind::BOOL => {
                for word in ["true", "false"] {
                    if self.try_eat(word) {
                        return Ok(word.to_owned());
                    }
                }
                self.fail_here("expected \"true\" or \"false\"")
            }
            kind::STRING => self.string("expected a string as the default"),
            kind::BYTES => Ok(literal::c_escape(&self.bytes("expected a string as the default")?)),
            _ => self.fail_here("messages have no default"),
        }
    }

    /// The message that a map is a list of.
    fn add_map_entry(
        &mut self,
        types: MapTypes,
        field: &mut Field,
        messages: &mut Vec<MessageType>,
        path: &[i32],
        nested: &[i32],
    ) {
        let name = map_entry_name(field.name.as_deref().unwrap_or_default());
        let part = |name: &str, number, (kind, type_name)| Field {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(label::OPTIONAL),
            r#type: kind,
            type_name,
            ..Field::default()
        };
        let own = [nested, &[index(messages)]].concat();
        let entry = MessageType {
            name: Some(name.clone()),
            fields: vec![part("key", 1, types.key), part("value", 2, types.value)],
            // MessageOptions.map_entry = true
            options: Some(vec![0x38, 1]),
            ..MessageType::default()
        };
        self.copy_features(&entry, path, &own);
        messages.push(entry);
        field.type_name = Some(name);
    }

    /// Features of a map are of its keys and values, too.
    fn copy_features(&mut self, entry: &MessageType, path: &[i32], own: &[i32]) {
        let is_feature = |option: &&RawOption| {
            option.element == path
                && option.name.first().is_some_and(|part| part.name == "features" && !part.is_extension)
        };
        let features: Vec<RawOption> = self.options.iter().filter(is_feature).cloned().collect();
        for option in features {
            for position in 0..index(&entry.fields) {
                let element = [own, &[2, position]].concat();
                self.options.push(RawOption { element, spot: None, ..option.clone() });
            }
        }
    }
}

pub(crate) fn map_entry_name(field: &str) -> String {
    let mut name = String::new();
    let mut capital = true;
    for letter in field.chars() {
        if letter == '_' {
            capital = true;
        } else {
            name.push(if capital { letter.to_ascii_uppercase() } else { letter });
            capital = false;
        }
    }
    name + "Entry"
}
