//! Room for answers while they are gathered: their part of what the gateway may hold.

use upstream::Room;

use crate::edge::{Charge, Load};

impl Room for Load {
    fn take(&self, bytes: usize) -> bool {
        // The number of requests bounds what small messages take, in pieces or not.
        let has_room = bytes < Charge::FREE || self.has_room(bytes);
        if has_room {
            Self::take(self, bytes);
        }
        has_room
    }

    fn give_back(&self, bytes: usize) {
        Self::give_back(self, bytes);
    }
}
