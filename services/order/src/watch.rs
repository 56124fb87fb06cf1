//! Changes of orders, told to everybody who watches.
//!
//! What waits for a slow reader is bounded: one that falls further behind is ended with RESOURCE_EXHAUSTED rather than
//! left with a gap that it does not know of.

use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::pb::OrderChange;

/// Changes that may wait for the slowest reader.
const BACKLOG: usize = 1024;
/// Watchers at most.
const MOST_WATCHERS: usize = 1000;

/// The answer to WatchOrders.
pub type Changes = Pin<Box<dyn Stream<Item = Result<OrderChange, Status>> + Send>>;

/// Where changes are told, and watched.
#[derive(Debug, Clone)]
pub struct Board {
    sender: broadcast::Sender<Arc<OrderChange>>,
    stop: CancellationToken,
}

impl Board {
    /// A board whose watchers are let go when `stop` is cancelled.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG), stop }
    }

    /// Tells a change to all watchers.
    pub fn tell(&self, change: OrderChange) {
        if self.sender.send(Arc::new(change)).is_err() {
            tracing::trace!("nobody watches");
        }
    }

    /// All changes from now on; those of one user, or of all when `user_id` is 0.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` when there are too many watchers already.
    pub fn watch(&self, user_id: i32) -> Result<Changes, Status> {
        if self.sender.receiver_count() >= MOST_WATCHERS {
            return Err(Status::resource_exhausted("too many watchers; try again later"));
        }
        let watcher = Watcher { receiver: self.sender.subscribe(), stop: self.stop.clone(), user_id };
        Ok(Box::pin(futures_util::stream::unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await? {
                Ok(change) => Some((Ok(change), Some(watcher))),
                Err(status) => Some((Err(status), None)),
            }
        })))
    }
}

struct Watcher {
    receiver: broadcast::Receiver<Arc<OrderChange>>,
    stop: CancellationToken,
    user_id: i32,
}

impl Watcher {
    /// The next change that this watcher is to see; `None` when the service stops.
    async fn next(&mut self) -> Option<Result<OrderChange, Status>> {
        loop {
            let received = self.stop.run_until_cancelled(self.receiver.recv()).await?;
            match received {
                Ok(change) if self.concerns(&change) => return Some(Ok(OrderChange::clone(&change))),
                Ok(_) => {}
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(missed)) => {
                    let advice = "list the orders and watch again";
                    let message = format!("too slow: {missed} changes were missed; {advice}");
                    return Some(Err(Status::resource_exhausted(message)));
                }
            }
        }
    }

    fn concerns(&self, change: &OrderChange) -> bool {
        self.user_id == 0 || change.order.as_ref().is_some_and(|order| order.user_id == self.user_id)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tonic::Code;

    use super::*;
    use crate::pb::Order;

    fn change(id: i32, user_id: i32) -> OrderChange {
        let order = Some(Order { id, user_id, ..Order::default() });
        OrderChange { kind: 1, order }
    }

    fn id(change: Option<Result<OrderChange, Status>>) -> i32 {
        change.unwrap().unwrap().order.unwrap().id
    }

    #[tokio::test]
    async fn a_watcher_sees_what_happens_after_it_came() {
        let board = Board::new(CancellationToken::new());
        board.tell(change(1, 1));
        let mut all = board.watch(0).unwrap();
        let mut of_two = board.watch(2).unwrap();
        board.tell(change(2, 1));
        board.tell(change(3, 2));
        assert_eq!((id(all.next().await), id(all.next().await)), (2, 3));
        assert_eq!(id(of_two.next().await), 3);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_it_missed_something_and_let_go() {
        let board = Board::new(CancellationToken::new());
        let mut slow = board.watch(0).unwrap();
        for n in 0..=i32::try_from(BACKLOG).unwrap() {
            board.tell(change(n, 1));
        }
        let status = slow.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "too slow: 1 changes were missed; list the orders and watch again");
        assert!(slow.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stop_ends_every_watch() {
        let stop = CancellationToken::new();
        let board = Board::new(stop.clone());
        let mut watch = board.watch(0).unwrap();
        stop.cancel();
        assert!(watch.next().await.is_none());
    }

    #[tokio::test]
    async fn the_watchers_are_bounded_and_make_room_when_they_go() {
        let board = Board::new(CancellationToken::new());
        let watchers: Vec<_> = (0..MOST_WATCHERS).map(|_| board.watch(0).unwrap()).collect();
        assert_eq!(board.watch(0).err().unwrap().code(), Code::ResourceExhausted);
        drop(watchers);
        assert!(board.watch(0).is_ok());
    }
}
