//! Links the sets of all sources to one schema.

use std::sync::Arc;

use transcode::{LoadError, Schema};

use super::{
    Digest, Input, Loaded, Set, SourceError, SourceErrorKind, SourceWarning, SourceWarningKind, is_reflected,
};
use crate::descriptors::leave_out::leave_out;

/// Links all sets. What of a server does not link is left out, as long as others of its services do.
pub(super) fn merge(inputs: &[Input], sets: &mut [Set], loaded: &mut Loaded) {
    loop {
        let error = match link(sets) {
            Ok(schema) => {
                loaded.schema = Some(schema);
                break;
            }
            Err(error) => error,
        };
        let index = sets.iter().position(|set| error.source.as_deref() == Some(set.name.as_str()));
        let set = index.and_then(|index| sets.get_mut(index)).filter(|set| is_reflected(inputs, set));
        let lost = set.and_then(|set| Some((set.input?, leave_out(&mut set.bytes, error.file.as_deref()?)?)));
        match lost {
            Some((input, services)) => {
                let kind = SourceWarningKind::Unlinked { error, services };
                loaded.warnings.push(SourceWarning { input, kind });
            }
            None => {
                blame_each(sets, loaded);
                if loaded.errors.is_empty() {
                    loaded.errors.push(load_error(sets, error));
                }
                return;
            }
        }
    }
    if !loaded.warnings.is_empty() {
        // The same sources again have to be linked again, to be told the same about them.
        loaded.digest = Digest::of(sets);
    }
}

fn link(sets: &[Set]) -> Result<Arc<Schema>, LoadError> {
    let mut builder = Schema::builder();
    for set in sets {
        builder = builder.add(&set.name, &set.bytes)?;
    }
    builder.build()
}

/// Tells of each source that is broken by itself, not only of the first one.
fn blame_each(sets: &[Set], loaded: &mut Loaded) {
    for set in sets.iter().filter(|set| set.input.is_some()) {
        if let Err(error) = Schema::builder().add(&set.name, &set.bytes) {
            loaded.errors.push(load_error(sets, error));
        }
    }
}

fn load_error(sets: &[Set], error: LoadError) -> SourceError {
    let input =
        sets.iter().find(|set| error.source.as_deref() == Some(set.name.as_str())).and_then(|set| set.input);
    SourceError { input, kind: SourceErrorKind::Load(error) }
}
