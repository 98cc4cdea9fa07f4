//! Reading a long stretch of the log: while a page is being looked at, the next one is already on its way.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use tokio::task::JoinHandle;

use super::ReadError;
use crate::Recorded;

type Page = Result<Vec<Recorded>, ReadError>;
/// Reads the page after a position.
type Read = Arc<dyn Fn(i64) -> BoxFuture<'static, Page> + Send + Sync>;

/// The log after a position, page by page.
pub struct Pages {
    read: Read,
    after: i64,
    size: usize,
    ahead: Option<JoinHandle<Page>>,
}

impl Pages {
    pub(super) fn new(
        after: i64,
        size: usize,
        read: impl Fn(i64) -> BoxFuture<'static, Page> + Send + Sync + 'static,
    ) -> Self {
        Self { read: Arc::new(read), after, size, ahead: None }
    }

    /// The position after which the next page begins.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.after
    }

    /// The next page. One that is not full ended where the log ended; asked again, it looks for what came since.
    pub async fn next(&mut self) -> Page {
        let page = match self.ahead.take() {
            // A shorter one ended where the log ended before it was asked for, which is not where it ends now.
            Some(ahead) => match ahead.await {
                Ok(Ok(page)) if page.len() >= self.size => page,
                _ => (self.read)(self.after).await?,
            },
            None => (self.read)(self.after).await?,
        };
        if let Some(last) = page.last() {
            self.after = last.position;
        }
        if page.len() >= self.size {
            self.ahead = Some(tokio::spawn((self.read)(self.after)));
        }
        Ok(page)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, size, .. } = self;
        f.debug_struct("Pages").field("after", after).field("size", size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
