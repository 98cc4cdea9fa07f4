//! Whether PostgreSQL and NATS answer, as `/readyz` shows it.

use std::time::Duration;

use bus::Bus;
use eventlog::Reader;

use crate::{health::Health, shutdown::Shutdown};

/// Time between two looks at PostgreSQL.
const PERIOD: Duration = Duration::from_secs(2);

/// Watches both until shutdown.
pub fn watch(reader: &Reader, bus: &Bus, health: &Health, shutdown: &Shutdown) {
    let (reader, postgresql) = (reader.clone(), health.register("postgresql"));
    shutdown.spawn_droppable(async move {
        loop {
            match reader.head().await {
                Ok(_) => postgresql.set_ready(),
                Err(error) => postgresql.set_failing(crate::error::words(&error)),
            }
            tokio::time::sleep(PERIOD).await;
        }
    });
    let (mut connected, nats) = (bus.connected(), health.register("nats"));
    shutdown.spawn_droppable(async move {
        loop {
            if *connected.borrow_and_update() {
                nats.set_ready()
            } else {
                nats.set_failing("not connected")
            }
            if connected.changed().await.is_err() {
                return nats.set_failing("connection closed");
            }
        }
    });
}
