//! Where methods are declared, as far as source info tells.

use std::collections::HashMap;

use prost_reflect::MethodDescriptor;

/// Lines of method declarations, read from source info file by file as they are asked for.
#[derive(Debug, Default)]
pub struct Origins {
    files: HashMap<String, HashMap<Vec<i32>, u32>>,
}

impl Origins {
    /// The line of the method's declaration, from 1; 0 when the descriptors carry no source info.
    pub fn line(&mut self, method: &MethodDescriptor) -> u32 {
        let file = method.parent_file();
        if !self.files.contains_key(file.name()) {
            let mut lines = HashMap::new();
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            for location in info.map_or(&[][..], |info| &info.location) {
                // `FileDescriptorProto.service` and `ServiceDescriptorProto.method`.
                if let ([6, _, 2, _], [line, ..]) = (location.path.as_slice(), location.span.as_slice()) {
                    let line = u32::try_from(*line).map_or(0, |line| line.saturating_add(1));
                    lines.insert(location.path.clone(), line);
                }
            }
            self.files.insert(file.name().to_owned(), lines);
        }
        self.files.get(file.name()).and_then(|lines| lines.get(method.path())).copied().unwrap_or(0)
    }
}
