//! Statements of a file, enums and services.

use super::{Owner, Parser, Step, index};
use crate::descriptor::{EnumType, EnumValue, Method, Range, Service};
use crate::lex::Kind;

const LOCAL: i32 = 1;
const EXPORT: i32 = 2;

impl Parser<'_> {
    pub(super) fn top_level(&mut self) -> Step {
        if self.try_end(";", None) {
            return Ok(());
        }
        if self.looking("message") || self.looking("enum") {
            return self.type_declaration(None);
        }
        if self.is_edition() && (self.looking("export") || self.looking("local")) {
            let visibility = self.visibility()?;
            return self.type_declaration(Some(visibility));
        }
        if self.looking("service") {
            let path = [6, index(&self.file.services)];
            self.file.services.push(Service::default());
            let mut service = Service::default();
            let read = self.within(&path, &[], |p, spot| p.service(&mut service, &path, spot));
            replace_last(&mut self.file.services, service);
            return read;
        }
        if self.looking("extend") {
            let mut extensions = std::mem::take(&mut self.file.extensions);
            let mut messages = std::mem::take(&mut self.file.messages);
            let read =
                self.within(&[7], &[], |p, spot| p.extend(&mut extensions, &mut messages, &[7], &[4], spot));
            (self.file.extensions, self.file.messages) = (extensions, messages);
            return read;
        }
        if self.looking("import") {
            return self.import();
        }
        if self.looking("package") {
            return self.package();
        }
        if self.looking("option") {
            return self.within(&[8], &[], |p, _| p.option_statement(Owner::File, &[], &[8]));
        }
        self.fail_here("expected a statement such as \"message\", \"enum\", \"service\" or \"import\"")
    }

    /// `export` or `local`; without them of an edition that knows them, words like others.
    pub(super) fn visibility(&mut self) -> Step<i32> {
        if self.edition < crate::descriptor::edition::E2024 {
            return self.fail_here("\"export\" and \"local\" are of edition 2024");
        }
        let visibility = if self.looking("export") { EXPORT } else { LOCAL };
        self.advance();
        if !self.looking("message") && !self.looking("enum") {
            return self.fail_here("expected \"message\" or \"enum\" behind \"export\" or \"local\"");
        }
        Ok(visibility)
    }

    fn type_declaration(&mut self, visibility: Option<i32>) -> Step {
        if self.looking("message") {
            let path = [4, index(&self.file.messages)];
            let mut message = crate::descriptor::MessageType { visibility, ..Default::default() };
            let read = self.within(&path, &[], |p, spot| p.message(&mut message, &path, spot));
            self.file.messages.push(message);
            return read;
        }
        let path = [5, index(&self.file.enums)];
        let mut descriptor = EnumType { visibility, ..EnumType::default() };
        let read = self.within(&path, &[], |p, spot| p.enumeration(&mut descriptor, &path, spot));
        self.file.enums.push(descriptor);
        read
    }

    fn import(&mut self) -> Step {
        enum Sort {
            Plain,
            Public,
            Weak,
            Option,
        }
        let start = self.lexer.current.start;
        self.advance();
        let position = index(&self.file.dependency);
        let word = self.lexer.current;
        let sort = if self.looking("public") {
            Sort::Public
        } else if self.looking("weak") {
            Sort::Weak
        } else if self.looking("option") {
            Sort::Option
        } else {
            Sort::Plain
        };
        let path = match sort {
            Sort::Option => [15, index(&self.file.option_dependency)],
            _ => [3, position],
        };
        let spot = self.open_at(&path, &[], start..usize::MAX);
        match sort {
            Sort::Plain => {
                if !self.file.option_dependency.is_empty() {
                    self.fault_here("\"import option\" comes behind all other imports");
                }
            }
            Sort::Public => {
                let path = [10, index(&self.file.public_dependency)];
                self.open_at(&path, &[], word.start..word.end);
                self.file.public_dependency.push(position);
                self.advance();
            }
            Sort::Weak => {
                if self.edition >= crate::descriptor::edition::E2024 {
                    self.fault_here("edition 2024 has no weak imports");
                }
                let path = [11, index(&self.file.weak_dependency)];
                self.open_at(&path, &[], word.start..word.end);
                self.file.weak_dependency.push(position);
                self.advance();
            }
            Sort::Option => {
                if self.edition < crate::descriptor::edition::E2024 {
                    return self.fail_here("\"import option\" is of edition 2024");
                }
                self.advance();
            }
        }
        let name = self.string("expected the name of the file to import as a string")?;
        match sort {
            Sort::Option => self.file.option_dependency.push(name),
            _ => self.file.dependency.push(name),
        }
        self.end(";", Some(spot))?;
        self.close(spot);
        Ok(())
    }

    fn package(&mut self) -> Step {
        if self.file.package.take().is_some() {
            self.fault_here("a second package: a file has one");
        }
        self.within(&[2], &[], |p, spot| {
            p.advance();
            let mut name = p.ident("expected a name")?;
            while p.try_eat(".") {
                name.push('.');
                name.push_str(&p.ident("expected a name")?);
            }
            p.file.package = Some(name);
            p.end(";", Some(spot))
        })
    }

    pub(super) fn enumeration(&mut self, descriptor: &mut EnumType, path: &[i32], spot: usize) -> Step {
        self.advance();
        descriptor.name = Some(self.within(path, &[1], |p, _| p.ident("expected the name of the enum"))?);
        self.end("{", Some(spot))?;
        while !self.try_end("}", None) {
            if self.at_end() {
                return self.fail_here("the file ends inside of an enum: \"}\" is missing");
            }
            if self.enum_statement(descriptor, path).is_err() {
                self.skip_statement();
            }
        }
        Ok(())
    }

    fn enum_statement(&mut self, descriptor: &mut EnumType, path: &[i32]) -> Step {
        if self.try_end(";", None) {
            return Ok(());
        }
        if self.looking("option") {
            let options = [path, &[3]].concat();
            return self.within(&options, &[], |p, _| p.option_statement(Owner::Enum, path, &options));
        }
        if self.looking("reserved") {
            let (names, ranges) = (&mut descriptor.reserved_name, &mut descriptor.reserved_range);
            return self.reserved(names, ranges, path, (5, 4), true);
        }
        let own = [path, &[2, index(&descriptor.values)]].concat();
        let mut value = EnumValue::default();
        let read = self.within(&own, &[], |p, spot| p.enum_value(&mut value, &own, spot));
        descriptor.values.push(value);
        read
    }

    fn enum_value(&mut self, value: &mut EnumValue, path: &[i32], spot: usize) -> Step {
        value.name = Some(self.within(path, &[1], |p, _| p.ident("expected the name of an enum value"))?);
        if !self.try_eat("=") {
            return self.fail_here("the number of the enum value is missing");
        }
        value.number = Some(self.within(path, &[2], |p, _| p.signed_integer("expected an integer"))?);
        self.option_list(Owner::EnumValue, path, &[path, &[3]].concat())?;
        self.end(";", Some(spot))
    }

    fn service(&mut self, service: &mut Service, path: &[i32], spot: usize) -> Step {
        self.advance();
        service.name = Some(self.within(path, &[1], |p, _| p.ident("expected the name of the service"))?);
        self.end("{", Some(spot))?;
        while !self.try_end("}", None) {
            if self.at_end() {
                return self.fail_here("the file ends inside of a service: \"}\" is missing");
            }
            if self.service_statement(service, path).is_err() {
                self.skip_statement();
            }
        }
        Ok(())
    }

    fn service_statement(&mut self, service: &mut Service, path: &[i32]) -> Step {
        if self.try_end(";", None) {
            return Ok(());
        }
        if self.looking("option") {
            let options = [path, &[3]].concat();
            return self.within(&options, &[], |p, _| p.option_statement(Owner::Service, path, &options));
        }
        let own = [path, &[2, index(&service.methods)]].concat();
        let mut method = Method::default();
        let read = self.within(&own, &[], |p, spot| p.method(&mut method, &own, spot));
        service.methods.push(method);
        read
    }

    fn method(&mut self, method: &mut Method, path: &[i32], spot: usize) -> Step {
        self.expect("rpc")?;
        method.name = Some(self.within(path, &[1], |p, _| p.ident("expected the name of the method"))?);
        self.expect("(")?;
        method.client_streaming = self.stream(path, 5)?;
        method.input_type = Some(self.within(path, &[2], |p, _| p.type_name())?);
        self.expect(")")?;
        self.expect("returns")?;
        self.expect("(")?;
        method.server_streaming = self.stream(path, 6)?;
        method.output_type = Some(self.within(path, &[3], |p, _| p.type_name())?);
        self.expect(")")?;
        if !self.looking("{") {
            return self.end(";", Some(spot));
        }
        self.end("{", Some(spot))?;
        method.options = Some(Vec::new());
        let options = [path, &[4]].concat();
        while !self.try_end("}", None) {
            if self.at_end() {
                return self.fail_here("the file ends inside of a method: \"}\" is missing");
            }
            if self.try_end(";", None) {
                continue;
            }
            let read = self.within(&options, &[], |p, _| p.option_statement(Owner::Method, path, &options));
            if read.is_err() {
                self.skip_statement();
            }
        }
        Ok(())
    }

    fn stream(&mut self, path: &[i32], number: i32) -> Step<Option<bool>> {
        if !self.looking("stream") {
            return Ok(None);
        }
        self.within(path, &[number], |p, _| {
            p.advance();
            Ok(Some(true))
        })
    }

    /// Reserved names or numbers; those of enums may be negative, and their ends belong to them.
    pub(super) fn reserved(
        &mut self,
        names: &mut Vec<String>,
        ranges: &mut Vec<Range>,
        path: &[i32],
        (name_number, range_number): (i32, i32),
        of_enum: bool,
    ) -> Step {
        let start = self.lexer.current.start;
        self.advance();
        match self.lexer.current.kind {
            Kind::Str if self.is_edition() => {
                self.fail_here("reserved names are identifiers in editions: leave out the quotes")
            }
            Kind::Ident if !self.is_edition() => self
                .fail_here("reserved names are strings (only editions take identifiers): put it in quotes"),
            Kind::Str | Kind::Ident => {
                let spot = self.open_at(path, &[name_number], start..usize::MAX);
                loop {
                    let at = [name_number, index(names)];
                    let name = self.within(path, &at, |p, _| match p.lexer.current.kind {
                        Kind::Ident if p.is_edition() => p.ident("expected a name"),
                        _ => p.string("expected a name"),
                    })?;
                    names.push(name);
                    if !self.try_eat(",") {
                        break;
                    }
                }
                self.end(";", Some(spot))?;
                self.close(spot);
                Ok(())
            }
            _ => {
                let spot = self.open_at(path, &[range_number], start..usize::MAX);
                let own = [path, &[range_number]].concat();
                self.ranges(ranges, &own, of_enum)?;
                self.end(";", Some(spot))?;
                self.close(spot);
                Ok(())
            }
        }
    }

    /// `1, 3 to 5, 100 to max`. The ends that are noted lie behind the range, but in enums.
    pub(super) fn ranges(&mut self, ranges: &mut Vec<Range>, path: &[i32], of_enum: bool) -> Step {
        loop {
            let own = [path, &[index(ranges)]].concat();
            let range = self.within(&own, &[], |p, _| p.range(&own, of_enum))?;
            ranges.push(range);
            if !self.try_eat(",") {
                return Ok(());
            }
        }
    }

    fn range(&mut self, path: &[i32], of_enum: bool) -> Step<Range> {
        let what = "expected a name or a range of numbers";
        let token = self.lexer.current;
        let read = |p: &mut Self, what: &str| if of_enum { p.signed_integer(what) } else { p.integer(what) };
        let start = self.within(path, &[1], |p, _| read(p, what))?;
        let last = if self.try_eat("to") {
            self.within(path, &[2], |p, _| {
                if p.try_eat("max") {
                    return Ok(if of_enum { i32::MAX } else { super::message::MAX_SENTINEL });
                }
                read(p, "expected an integer")
            })?
        } else {
            let end = self.lexer.previous.end;
            self.open_at(path, &[2], token.start..end);
            start
        };
        let end = if of_enum || last == super::message::MAX_SENTINEL { last } else { last.saturating_add(1) };
        Ok(Range { start: Some(start), end: Some(end), options: None })
    }
}

fn replace_last<T>(list: &mut [T], with: T) {
    if let Some(last) = list.last_mut() {
        *last = with;
    }
}
