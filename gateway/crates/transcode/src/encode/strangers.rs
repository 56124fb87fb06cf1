//! Keys that the schema does not know, and what stands behind them: told, or passed over.
//!
//! What is passed over is held to the same rule as the rest: no key is given twice, or else two readers of the body could see
//! two things.

use super::{
    Encoder,
    keys::{HashedKeys, Keys, Map},
    report::Note,
    scan::Step,
};
use crate::{Reason, Unknown, pool::Pool};

/// The unknown keys of one object, once there is one.
#[derive(Default)]
pub(super) struct Strangers(Option<Map>);

impl Keys {
    /// Whether an unknown key was in the object before; it is now.
    pub(super) fn is_known(
        &mut self,
        strangers: &mut Strangers,
        key: &[u8],
        pool: &Pool<HashedKeys>,
    ) -> bool {
        let mut map = strangers.0.take().unwrap_or_else(|| self.enter());
        let known = self.insert(&mut map, key, pool);
        strangers.0 = Some(map);
        known
    }
}

impl Encoder<'_, '_> {
    /// The object ends.
    #[inline]
    pub(super) fn leave_strangers(&mut self, strangers: &Strangers) {
        if let Some(map) = &strangers.0 {
            self.keys.leave(map);
        }
    }

    /// Passes over a value that means nothing to the message.
    #[cold]
    fn pass_over(&mut self) -> Step {
        match self.scan.token() {
            b'{' => {
                let mut strangers = Strangers::default();
                let mut more = self.scan.begin(b'}')?;
                while more {
                    self.scan.token();
                    let key_at = self.scan.pos();
                    let key = self.scan.key()?.resolve(&mut self.scratch);
                    if self.keys.is_known(&mut strangers, key, &self.schema.hash_sets) {
                        self.duplicate(key_at)?;
                    } else {
                        self.pass_over()?;
                    }
                    more = self.scan.more(b'}')?;
                }
                self.leave_strangers(&strangers);
                Ok(())
            }
            b'[' => {
                let mut more = self.scan.begin(b']')?;
                while more {
                    self.pass_over()?;
                    more = self.scan.more(b']')?;
                }
                Ok(())
            }
            _ => self.scan.skip(),
        }
    }

    /// Skips the value of a key that the schema does not know; `near` is what may have been meant.
    #[cold]
    pub(super) fn unknown_key(&mut self, key_at: usize, near: Option<&str>) -> Step {
        match self.options.unknown {
            Unknown::Reject => self.scan.skip()?,
            Unknown::Warn | Unknown::Ignore => self.pass_over()?,
        }
        let description = || match near {
            Some(near) => format!("unknown field; did you mean `{near}`?"),
            None => "unknown field".to_owned(),
        };
        self.unknown(key_at, |_| Note::plainly(key_at, Reason::UnknownField, description()))
    }

    /// Notes, tells or ignores that something is unknown, as the options say.
    #[cold]
    pub(super) fn unknown(&mut self, at: usize, note: impl FnOnce(&Self) -> Note) -> Step {
        match self.options.unknown {
            Unknown::Reject => {
                let note = note(self);
                self.note(note)
            }
            Unknown::Warn => {
                if self.unknown.len() < self.options.max_violations {
                    self.unknown.push(at);
                }
                Ok(())
            }
            Unknown::Ignore => Ok(()),
        }
    }
}
