//! Where token and log disagree. A key that the log knows as destroyed is destroyed in the token, too, as when the token was
//! away or the process died in between. A key that the log does not know is named and left alone: the command that made it
//! may be repeated, or the log may be a restored one, older than the token.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use contracts::{Event as _, KeyId, keystore::KeyEvent};
use eventlog::{ReadError, Reader};
use runtime::aggregate::Aggregate as _;

use super::{State, Token, TokenError, Tokens};
use crate::key::Key;

/// Time between two looks while the token stays.
const PERIOD: Duration = Duration::from_secs(3_600);
/// How long a key may be unknown to the log because it is being made.
const GRACE: Duration = Duration::from_secs(60);

/// Why nothing was compared; the next look does it.
#[derive(Debug, thiserror::Error)]
enum TidyError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Compares each token with the log whenever it comes, and every hour.
pub async fn run(tokens: Arc<Tokens>, reader: Reader) {
    let each = tokens.all().map(|token| watch(token, &reader));
    futures::future::join_all(each).await;
}

async fn watch(token: &Token, reader: &Reader) {
    let mut state = token.state();
    loop {
        if state.wait_for(|state| *state == State::Present).await.is_err() {
            return; // it is gone with its threads
        }
        if let Err(error) = compare(token, reader).await {
            tracing::warn!(
                name = token.name(),
                error = runtime::error::words(&error),
                "a token is compared later"
            );
        }
        let gone = state.wait_for(|state| *state != State::Present);
        if let Ok(Err(_)) = tokio::time::timeout(PERIOD, gone).await {
            return;
        }
    }
}

async fn compare(token: &Token, reader: &Reader) -> Result<(), TidyError> {
    let unknown = apart(token, reader, &token.keys().await?).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(GRACE).await;
    for key in apart(token, reader, &unknown).await? {
        tracing::warn!(
            name = token.name(), %key,
            "a token holds a key that was made and never recorded; its label is the key's id"
        );
    }
    Ok(())
}

/// Destroys what the log knows as destroyed; gives what it does not know.
async fn apart(token: &Token, reader: &Reader, held: &[KeyId]) -> Result<Vec<KeyId>, TidyError> {
    let mut keys: BTreeMap<KeyId, Key> = held.iter().map(|key| (*key, Key::Absent)).collect();
    let streams: Vec<_> = held.iter().map(|key| key.uuid()).collect();
    for page in streams.chunks(500) {
        for recorded in reader.read_streams(page).await? {
            let Ok(event) = KeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload) else {
                keys.remove(&KeyId(recorded.stream)); // nothing may be concluded of it
                continue;
            };
            if let Some(key) = keys.get_mut(&KeyId(recorded.stream)) {
                *key = std::mem::take(key).evolve(event);
            }
        }
    }
    let mut unknown = vec![];
    for (id, key) in keys {
        match key {
            Key::Absent => unknown.push(id),
            Key::Destroyed(_) => {
                token.destroy(id).await?;
                tracing::info!(name = token.name(), key = %id, "a key that was destroyed is gone from its token");
            }
            Key::Active(_) | Key::Compromised(_) => {}
        }
    }
    Ok(unknown)
}
