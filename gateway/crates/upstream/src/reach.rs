//! Whether an endpoint can be reached, as its lookout knows it.
//!
//! ```text
//!              connected                  lost
//!   Connecting ──────────► Reachable ────────────► Connecting
//!       │                      ▲
//!       │ failed, overdue      │ connected
//!       └──────────► Unreachable
//! ```
//! Calls wait for an endpoint that is `Connecting`, a moment; they do not wait for one that is `Unreachable`, although it is
//! dialled again and again.

/// Whether an endpoint can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Not known yet, or just lost: being dialled for the first time since.
    Connecting,
    /// A connection stands.
    Reachable,
    /// The last attempt failed, or takes too long.
    Unreachable,
}

/// What the lookout saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A connection stands, and the peer has spoken HTTP/2.
    Connected,
    /// The connection ended.
    Lost,
    /// An attempt failed.
    Failed,
    /// An attempt takes longer than calls should wait for.
    Overdue,
}

impl Reach {
    pub(crate) fn after(self, sight: Sight) -> Self {
        match (self, sight) {
            (_, Sight::Connected) => Self::Reachable,
            (Self::Reachable, Sight::Lost) => Self::Connecting,
            (Self::Connecting, Sight::Failed | Sight::Overdue) => Self::Unreachable,
            (unchanged, Sight::Lost | Sight::Failed | Sight::Overdue) => unchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sight_in_every_state() {
        use Reach::*;
        use Sight::*;
        let table = [
            (Connecting, Connected, Reachable),
            (Connecting, Lost, Connecting),
            (Connecting, Failed, Unreachable),
            (Connecting, Overdue, Unreachable),
            (Reachable, Connected, Reachable),
            (Reachable, Lost, Connecting),
            (Reachable, Failed, Reachable),
            (Reachable, Overdue, Reachable),
            (Unreachable, Connected, Reachable),
            (Unreachable, Lost, Unreachable),
            (Unreachable, Failed, Unreachable),
            (Unreachable, Overdue, Unreachable),
        ];
        for (from, sight, to) in table {
            assert_eq!(from.after(sight), to, "{from:?} {sight:?}");
        }
    }
}
