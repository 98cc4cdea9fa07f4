//! Serving many callers at once: one round trip to the database is in flight, and everything that is asked meanwhile
//! rides in the next one. Nobody waits for a timer.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

/// Most questions in one round trip.
const MOST: usize = 512;
/// Questions waiting before callers wait too.
const QUEUE: usize = 4096;

/// Answers questions together.
pub trait Together: Send + 'static {
    /// What one caller asks.
    type Question: Send + 'static;
    /// What it is told.
    type Answer: Send + 'static;

    /// Answers all questions, in their order.
    fn answer(&mut self, questions: Vec<Self::Question>) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// Callers that share round trips; clones share the queue.
pub struct Group<T: Together> {
    queue: mpsc::Sender<Waiting<T>>,
}

type Waiting<T> = (<T as Together>::Question, oneshot::Sender<<T as Together>::Answer>);

/// The process is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keystore is stopping")]
pub struct Stopped;

impl<T: Together> Group<T> {
    /// Starts the task that answers. It ends when the last clone is dropped and the queue is empty.
    #[must_use]
    pub fn start(mut together: T) -> Self {
        let (queue, mut waiting) = mpsc::channel::<Waiting<T>>(QUEUE);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(MOST);
            while waiting.recv_many(&mut batch, MOST).await > 0 {
                gather(&mut waiting, &mut batch).await;
                let (questions, callers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                let answers = together.answer(questions).await;
                for (caller, answer) in callers.into_iter().zip(answers) {
                    // A caller that went away misses its answer; the work is done all the same.
                    _ = caller.send(answer);
                }
            }
        });
        Self { queue }
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, question: T::Question) -> Result<T::Answer, Stopped> {
        let (caller, answer) = oneshot::channel();
        self.queue.send((question, caller)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

/// Callers just answered are about to come back, and others are about to ask: let them run first.
async fn gather<W>(waiting: &mut mpsc::Receiver<W>, batch: &mut Vec<W>) {
    loop {
        let before = batch.len();
        tokio::task::yield_now().await;
        while batch.len() < MOST
            && let Ok(one) = waiting.try_recv()
        {
            batch.push(one);
        }
        if batch.len() == before {
            return;
        }
    }
}

impl<T: Together> Clone for Group<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T: Together> std::fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Group")
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    /// Doubles numbers, and says how many it was asked at once.
    struct Doubling {
        gate: std::sync::Arc<Notify>,
    }

    impl Together for Doubling {
        type Question = u32;
        type Answer = (u32, usize);
        async fn answer(&mut self, questions: Vec<u32>) -> Vec<(u32, usize)> {
            self.gate.notified().await;
            let together = questions.len();
            questions.into_iter().map(|number| (number * 2, together)).collect()
        }
    }

    #[tokio::test]
    async fn what_is_asked_during_a_round_trip_rides_in_the_next() {
        let gate = std::sync::Arc::new(Notify::new());
        let group = Group::start(Doubling { gate: gate.clone() });
        let ask = |number| {
            let group = group.clone();
            tokio::spawn(async move { group.ask(number).await })
        };
        let first = ask(1);
        tokio::task::yield_now().await; // alone under way
        tokio::task::yield_now().await;
        let rest: Vec<_> = (2..12).map(ask).collect();
        tokio::task::yield_now().await;
        gate.notify_one();
        assert_eq!(first.await.unwrap(), Ok((2, 1)));
        gate.notify_one();
        for (number, answer) in (2..12).zip(rest) {
            assert_eq!(answer.await.unwrap(), Ok((number * 2, 10)));
        }
    }
}
