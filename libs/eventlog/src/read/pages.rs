//! Reading a long stretch of the log: while a page is being looked at, the next one is already on its way.

use tokio::task::JoinHandle;

use super::{ReadError, Reader};
use crate::Recorded;

/// The log after a position, page by page.
#[derive(Debug)]
pub struct Pages {
    reader: Reader,
    after: i64,
    categories: Option<Vec<&'static str>>,
    size: usize,
    ahead: Option<JoinHandle<Result<Vec<Recorded>, ReadError>>>,
}

impl Pages {
    pub(super) fn new(
        reader: Reader,
        after: i64,
        categories: Option<Vec<&'static str>>,
        size: usize,
    ) -> Self {
        Self { reader, after, categories, size, ahead: None }
    }

    /// The position after which the next page begins.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.after
    }

    /// The next page. One that is not full ended where the log ended; asked again, it looks for what came since.
    pub async fn next(&mut self) -> Result<Vec<Recorded>, ReadError> {
        let page = match self.ahead.take() {
            // A shorter one ended where the log ended before it was asked for, which is not where it ends now.
            Some(ahead) => match ahead.await {
                Ok(Ok(page)) if page.len() >= self.size => page,
                _ => self.read().await?,
            },
            None => self.read().await?,
        };
        if let Some(last) = page.last() {
            self.after = last.position;
        }
        if page.len() >= self.size {
            self.ahead = Some(tokio::spawn(self.read()));
        }
        Ok(page)
    }

    fn read(&self) -> impl Future<Output = Result<Vec<Recorded>, ReadError>> + Send + 'static {
        let (reader, after, categories) = (self.reader.clone(), self.after, self.categories.clone());
        let limit = i64::try_from(self.size).unwrap_or(i64::MAX);
        async move { reader.read(after, categories.as_deref(), limit).await }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}
