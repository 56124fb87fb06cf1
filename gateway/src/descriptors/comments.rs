//! What the authors of .proto files wrote above services and methods, as far as source info tells.

use std::collections::HashMap;

use prost_reflect::{FileDescriptor, MethodDescriptor, ServiceDescriptor};

/// Leading comments, read from source info file by file as they are asked for.
#[derive(Debug, Default)]
pub struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// What stands above a service; empty when nothing does.
    pub fn service(&mut self, service: &ServiceDescriptor) -> &str {
        self.at(&service.parent_file(), service.path())
    }

    /// What stands above a method; empty when nothing does.
    pub fn method(&mut self, method: &MethodDescriptor) -> &str {
        self.at(&method.parent_file(), method.path())
    }

    fn at(&mut self, file: &FileDescriptor, path: &[i32]) -> &str {
        let comments = self.files.entry(file.name().to_owned()).or_insert_with(|| {
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            let locations = info.map_or(&[][..], |info| &info.location).iter();
            locations
                .filter_map(|location| Some((location.path.clone(), location.leading_comments.clone()?)))
                .collect()
        });
        comments.get(path).map_or("", String::as_str)
    }
}
