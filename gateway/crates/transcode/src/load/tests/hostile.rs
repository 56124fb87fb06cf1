//! Descriptor sets of any content are an error, never a panic, and what loads can be used.

use super::*;

/// Files with everything in them.
fn seed() -> Vec<u8> {
    let pool = prost_reflect::DescriptorPool::global();
    let mut files: Vec<File> =
        pool.files().map(|file| File::decode(&*file.encode_to_vec()).unwrap()).collect();
    let source = include_str!("../../encode/tests/test2.proto");
    let compiled = protox::file::File::from_source("test2.proto", source).unwrap();
    files.push(File::decode(&*compiled.file_descriptor_proto().encode_to_vec()).unwrap());
    let mut public =
        file("public.proto", &["test2.proto"], vec![message("P", vec![of("old", 1, ".test2.Old")])]);
    public.public_dependency = vec![0];
    public.messages[0]
        .fields
        .push(Field { default_value: Some("\\x41\\101".into()), ..field("b", 2, kind::BYTES) });
    files.push(File { syntax: Some("editions".into()), edition: Some(1000), ..public });
    set(&files)
}

/// Loads, and if that goes well, compiles every plan.
fn load(set: &[u8]) {
    let schema = match Schema::load(&[set]) {
        Ok(schema) => schema,
        // The net below prost-reflect: what falls into it should have been found by a check.
        Err(error) if error.to_string().contains("contradict") => panic!("prost-reflect panicked"),
        Err(_) => return,
    };
    for index in 0..schema.pool().all_messages().len() {
        let plan = schema.plan(MessageIndex(index as u32));
        for field in &plan.fields {
            assert_eq!(plan.field_by_number(field.number).unwrap().number, field.number);
        }
    }
    for index in 0..schema.pool().all_enums().len() {
        schema.enum_plan(EnumIndex(index as u32));
    }
}

#[test]
fn the_seed_itself_loads() {
    Schema::load(&[&seed()]).unwrap();
}

#[test]
fn every_truncation() {
    let seed = seed();
    for len in (0..seed.len()).step_by(97) {
        load(&seed[..len]);
    }
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load(&bytes);
    }

    #[test]
    fn changed_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut seed = seed();
        for (at, byte) in changes {
            let at = at.index(seed.len());
            seed[at] = byte;
        }
        load(&seed);
    }

    /// Values of scalars changed inside of well-formed files: gets further than changed bytes.
    #[test]
    fn changed_values(start in any::<u64>(), count in 1..12usize) {
        let mut set = FileSet::decode(&*seed()).unwrap();
        let mut random = Random(start);
        let last = set.file.len() - 1;
        for _ in 0..count {
            // Most of the changes in the files of our own, which are small.
            let among = if random.below(4) == 0 { last + 1 } else { 2 };
            let index = last - random.below(among);
            let mut file = File::decode(&*set.file[index]).unwrap();
            random.change_file(&mut file);
            set.file[index] = file.encode_to_vec();
        }
        load(&set.encode_to_vec());
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn number(&mut self) -> i32 {
        [-1, 0, 1, 2, 3, 5, 10, 11, 14, 100, 18_999, 19_500, 536_870_911, 536_870_912, i32::MAX, i32::MIN]
            [self.below(16)]
    }

    fn text(&mut self) -> Option<String> {
        let texts = [
            "",
            "a",
            ".",
            "..",
            "a.b",
            ".test2.Old",
            ".test2.Kind",
            "Old",
            "test2",
            "é",
            "\\xé",
            "\\777",
            "\\",
            "1e999",
            "id",
            "x y",
            ".test2.Old.KindMapEntry",
            "google.protobuf.FieldOptions",
        ];
        texts.get(self.below(texts.len() + 1)).map(ToString::to_string)
    }

    fn change_file(&mut self, file: &mut File) {
        match self.below(12) {
            0 => file.package = self.text(),
            1 => file.dependency.push(self.text().unwrap_or_default()),
            2 => file.public_dependency.push(self.number()),
            3 => file.syntax = self.text(),
            4 => file.options.push(self.options()),
            5 if !file.enums.is_empty() => {
                let at = self.below(file.enums.len());
                self.change_enum(&mut file.enums[at]);
            }
            6 if !file.extensions.is_empty() => {
                let at = self.below(file.extensions.len());
                self.change_field(&mut file.extensions[at]);
            }
            7 if !file.messages.is_empty() => {
                let at = self.below(file.messages.len());
                let copy = file.messages[at].clone();
                file.messages.push(copy);
            }
            8 => file.edition = Some([998, 999, 1000, 1001, 7][self.below(5)]),
            _ if !file.messages.is_empty() => {
                let at = self.below(file.messages.len());
                self.change_message(&mut file.messages[at]);
            }
            _ => {}
        }
    }

    fn change_message(&mut self, message: &mut MessageType) {
        match self.below(8) {
            0 => message.name = self.text(),
            1 => message.options.push(self.options()),
            2 => message.extension_range.push(vec![0x08, self.below(128) as u8, 0x10, self.below(128) as u8]),
            3 => message.oneofs.push(Default::default()),
            4 if !message.messages.is_empty() => {
                let at = self.below(message.messages.len());
                self.change_message(&mut message.messages[at]);
            }
            5 if !message.fields.is_empty() => {
                let at = self.below(message.fields.len());
                message.fields.remove(at);
            }
            _ if !message.fields.is_empty() => {
                let at = self.below(message.fields.len());
                self.change_field(&mut message.fields[at]);
            }
            _ => {}
        }
    }

    fn change_field(&mut self, field: &mut Field) {
        match self.below(10) {
            0 => field.name = self.text(),
            1 => field.number = Some(self.number()),
            2 => field.label = Some(self.number()),
            3 => field.r#type = Some(self.below(20) as i32),
            4 => field.type_name = self.text(),
            5 => field.extendee = self.text(),
            6 => field.default_value = self.text(),
            7 => field.oneof_index = Some(self.number()),
            8 => field.json_name = self.text(),
            _ => field.options.push(self.options()),
        }
    }

    fn change_enum(&mut self, descriptor: &mut EnumType) {
        match self.below(4) {
            0 => descriptor.values.clear(),
            1 => descriptor.options.push(self.options()),
            _ => descriptor.values.push(EnumValue {
                name: self.text(),
                number: Some(self.number()),
                options: vec![],
            }),
        }
    }

    /// Options: a feature, a flag, an uninterpreted option, or rubbish.
    fn options(&mut self) -> Vec<u8> {
        let small = self.below(8) as u8;
        match self.below(6) {
            0 => vec![0xaa, 0x01, 2, small << 3, self.below(4) as u8],
            1 => vec![small << 3, 1],
            2 => vec![0x38, 1],
            // uninterpreted_option { name { name_part: "a" is_extension: … } positive_int_value: 5 }
            3 => vec![0xba, 0x3e, 9, 0x12, 5, 0x0a, 1, b'a', 0x10, small & 1, 0x20, 5],
            4 => vec![0xba, 0x3e, 0],
            _ => vec![self.below(256) as u8, self.below(256) as u8, self.below(256) as u8],
        }
    }
}

#[test]
fn layers_of_public_imports_end() {
    // Followed naively, two files per layer that import both of the next are 2^40 paths.
    let mut files = vec![file("a0.proto", &[], vec![]), file("b0.proto", &[], vec![])];
    for layer in 1..40 {
        let below = [format!("a{}.proto", layer - 1), format!("b{}.proto", layer - 1)];
        for name in ["a", "b"] {
            let mut next = file(&format!("{name}{layer}.proto"), &[&*below[0], &*below[1]], vec![]);
            next.public_dependency = vec![0, 1];
            files.push(next);
        }
    }
    Schema::load(&[&set(&files)]).unwrap();
}

#[test]
fn long_chains_of_imports_end() {
    let files: Vec<File> = (0..5000)
        .map(|i| {
            let import = format!("{}.proto", i + 1);
            let mut file = file(&format!("{i}.proto"), &[&*import], vec![]);
            file.public_dependency = vec![0];
            if i == 4999 { File { dependency: vec![], public_dependency: vec![], ..file } } else { file }
        })
        .collect();
    let error = Schema::load(&[&set(&files)]).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Invalid("too many public imports".to_owned()));
}
