//! A token's own threads: as many calls at once as it has sessions, and one thread that looks after it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use cryptoki::{context::Pkcs11, slot::Slot, slot::TokenInfo};
use opentelemetry::{KeyValue, global};
use parking_lot::Mutex;
use runtime::{
    config::{self, TokenMarks},
    health::Dependency,
};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::{
    Fault, State,
    login::Login,
    module::{Module, Ready},
    object::Open,
};

/// What a thread of a token does.
pub(super) type Job = Box<dyn FnOnce(&Worker) + Send>;

/// Calls that wait for a thread.
const WAITING: usize = 256;
/// Time between two looks.
const PERIOD: Duration = Duration::from_secs(2);

/// Whether a token answers, for everybody who wants to know.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) name: Arc<str>,
    pub(super) state: watch::Sender<State>,
    shown: Dependency,
    module: Arc<Module>,
}

impl Status {
    pub(super) fn new(name: Arc<str>, module: Arc<Module>, shown: Dependency) -> Self {
        Self { name, state: watch::Sender::new(State::Unknown), shown, module }
    }

    /// Says that it answers, or why it does not; a change is logged.
    pub(super) fn tell(&self, new: State) {
        let changed = self.state.send_if_modified(|state| {
            let changed = *state != new;
            state.clone_from(&new);
            changed
        });
        self.module.answers(&self.name, new == State::Present);
        match &new {
            State::Away(fault) => self.shown.set_failing(fault),
            State::Present | State::Unknown => self.shown.set_ready(),
        }
        if !changed {
            return;
        }
        match &new {
            State::Away(reason) => tracing::warn!(name = &*self.name, %reason, "a token is not available"),
            State::Present | State::Unknown => tracing::info!(name = &*self.name, "a token is available"),
        }
        let gauge = global::meter("chancery-keystore")
            .u64_gauge("chancery_keystore_token_available")
            .with_description("1 while a token answers, 0 while it is away")
            .build();
        gauge.record((new == State::Present).into(), &[KeyValue::new("device", self.name.to_string())]);
    }
}

/// A token, as its threads know it.
pub(super) struct Worker {
    name: Arc<str>,
    marks: TokenMarks,
    module: Arc<Module>,
    login: Login,
    installation: Uuid,
    status: Arc<Status>,
}

impl Worker {
    pub(super) fn new(token: &config::Token, installation: Uuid, status: Arc<Status>) -> Self {
        Self {
            name: status.name.clone(),
            marks: token.address.marks.clone(),
            module: status.module.clone(),
            login: Login::new(token.pin_file.clone()),
            installation,
            status,
        }
    }

    /// Starts its threads. They end when nobody is left to send jobs.
    pub(super) fn start(self, sessions: usize) -> mpsc::Sender<Job> {
        let (jobs, queue) = mpsc::channel(WAITING);
        let (queue, worker) = (Arc::new(Mutex::new(queue)), Arc::new(self));
        let looked_after = Arc::downgrade(&worker);
        let mut started = spawn(&worker.name, move || look_after(&looked_after));
        for _ in 0..sessions {
            let (worker, queue) = (worker.clone(), queue.clone());
            started &= spawn(&worker.name.clone(), move || worker.serve(&queue));
        }
        if !started {
            worker.status.tell(State::Away(Fault::Away("no thread can be started for it".into())));
        }
        jobs
    }

    fn serve(&self, queue: &Mutex<mpsc::Receiver<Job>>) {
        loop {
            let job = queue.lock().blocking_recv();
            let Some(job) = job else { return };
            if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
                tracing::error!(name = &*self.name, "a call into a token panicked");
            }
        }
    }

    /// Does something in the token, once more with a new session if the old one has ended.
    pub(super) fn work<T>(&self, work: &impl Fn(&Open<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        if let State::Away(fault) = &*self.status.state.borrow() {
            return Err(fault.clone()); // whoever looks after it says when it is back
        }
        let done = self.tried_twice(work);
        if let Err(fault @ (Fault::Away(_) | Fault::Pin(_))) = &done {
            self.status.tell(State::Away(fault.clone()));
        }
        done
    }

    fn tried_twice<T>(&self, work: &impl Fn(&Open<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        match self.tried(work) {
            Err(Fault::Away(_) | Fault::Missing) => self.tried(work),
            done => done,
        }
    }

    fn tried<T>(&self, work: &impl Fn(&Open<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let library = self.module.used()?;
        let ready = match self.module.take(&self.name) {
            Some(ready) => ready,
            None => self.open(&library)?,
        };
        let done = work(&Open { ready: &ready, installation: self.installation });
        match done {
            // Without its token, or its login, a session may find nothing, or wrong things, instead of failing.
            Err(Fault::Away(_) | Fault::Missing | Fault::Refused(_) | Fault::Unusable(_)) => {
                drop(ready);
                self.module.forget(&self.name);
                self.slot(&library)?;
                done
            }
            done => {
                self.module.give(self.name.clone(), ready);
                done
            }
        }
    }

    fn open(&self, library: &Pkcs11) -> Result<Ready, Fault> {
        let (slot, token) = self.slot(library)?;
        let session = library.open_rw_session(slot)?;
        self.login.log_in(&session, &token)?;
        Ok(Ready { session, slot, found: Mutex::default() })
    }

    /// Where the token is.
    fn slot(&self, library: &Pkcs11) -> Result<(Slot, TokenInfo), Fault> {
        let mut found = None;
        let mut others = vec![];
        for slot in library.get_slots_with_token()? {
            // A slot whose token was pulled out is not the one.
            let Ok(token) = library.get_token_info(slot) else { continue };
            if !token.token_initialized() {
                continue;
            }
            if !is_like(&self.marks, slot, &token) {
                others.push(format!("'{}'", token.label()));
            } else if found.replace((slot, token)).is_some() {
                return Err(Fault::Away("more than one token is like it; name its serial number".into()));
            }
        }
        found.ok_or_else(|| {
            let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            Fault::Away(format!("it is not there (others that are: {others})"))
        })
    }

    /// Looks whether it answers, and says so.
    fn look(&self) {
        let seen = self.tried_twice(&|open: &Open<'_>| open.check().map(|()| open.ready.slot));
        let seen = seen.and_then(|slot| {
            let token = self.module.used()?.get_token_info(slot)?;
            if is_like(&self.marks, slot, &token) {
                Ok(())
            } else {
                Err(Fault::Away("another is in its place".into()))
            }
        });
        let seen = match seen {
            Err(Fault::Away(_)) => {
                self.module.forget(&self.name);
                self.module
                    .begin_anew(&self.name)
                    .and_then(|()| self.tried_twice(&|open: &Open<'_>| open.check()))
            }
            seen => seen,
        };
        self.status.tell(match seen {
            Ok(()) => State::Present,
            Err(fault) => State::Away(fault),
        });
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.name)
    }
}

/// Looks after a token until it is gone.
fn look_after(worker: &Weak<Worker>) {
    while let Some(worker) = worker.upgrade() {
        worker.look();
        drop(worker);
        thread::sleep(PERIOD);
    }
}

fn spawn(token: &str, work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new().name(format!("token {token}")).spawn(work).is_ok()
}

fn is_like(marks: &TokenMarks, slot: Slot, token: &TokenInfo) -> bool {
    let same = |wanted: &Option<String>, told: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == told.trim_end())
    };
    marks.slot.is_none_or(|wanted| wanted == slot.id())
        && same(&marks.label, token.label())
        && same(&marks.serial, token.serial_number())
        && same(&marks.model, token.model())
        && same(&marks.manufacturer, token.manufacturer_id())
}
