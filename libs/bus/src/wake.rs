//! "The log has grown": `wake.log.0` on core NATS. Losing one costs milliseconds, since everyone also polls.

use async_nats::Client;
use futures::{Stream, StreamExt};
use tokio::sync::watch;

use crate::{Bus, BusError};

/// The subject of shard 0.
pub const SUBJECT: &str = "wake.log.0";

impl Bus {
    /// Tells everyone that the log now reaches `head`. Never waits; several in a row become one message.
    pub fn wake(&self, head: i64) {
        self.inner.waker.wake(head);
    }

    /// The heads that others tell. A stream that yields nothing while NATS is away.
    pub async fn wakes(&self) -> Result<impl Stream<Item = i64> + Send + Sync + Unpin + use<>, BusError> {
        let heads = self
            .client()
            .subscribe(SUBJECT)
            .await
            .map_err(|source| BusError::Subscribe { subject: SUBJECT.into(), source })?;
        Ok(heads.filter_map(|message| {
            std::future::ready(std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()))
        }))
    }
}

/// Publishes the newest head, as fast as the connection takes it.
pub(crate) struct Waker(watch::Sender<i64>);

impl Waker {
    pub(crate) fn start(client: Client, connected: watch::Receiver<bool>) -> Self {
        let (sender, mut heads) = watch::channel(0i64);
        tokio::spawn(async move {
            while heads.changed().await.is_ok() {
                let head = *heads.borrow_and_update();
                if *connected.borrow() {
                    // A closed connection is the only error; then nobody listens either.
                    _ = client.publish(SUBJECT, head.to_string().into()).await;
                }
            }
        });
        Self(sender)
    }

    fn wake(&self, head: i64) {
        self.0.send_if_modified(|newest| {
            let newer = head > *newest;
            *newest = head.max(*newest);
            newer
        });
    }
}
