//! A PKCS #11 library. It has one state for the whole process, so tokens that share a library share this.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use contracts::KeyId;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    object::ObjectHandle,
    session::Session,
    slot::Slot,
};
use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

use super::Fault;

/// Longest wait until nobody uses the library.
const QUIET: Duration = Duration::from_secs(2);
/// Time between two new beginnings while another token of the library works: each costs that one its sessions.
const SPARING: Duration = Duration::from_secs(60);

/// A library, loaded when it is first needed and never unloaded.
#[derive(Debug)]
pub(super) struct Module {
    path: PathBuf,
    loaded: RwLock<Option<Loaded>>,
    /// Sessions that are logged in and rest, by token.
    resting: Mutex<BTreeMap<Arc<str>, Vec<Ready>>>,
    /// The tokens that answer.
    answering: Mutex<BTreeSet<Arc<str>>>,
    /// When it was begun anew last.
    begun: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Loaded {
    library: Pkcs11,
    initialized: bool,
}

/// A session that is logged in, and the objects that were found by it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) session: Session,
    pub(super) slot: Slot,
    pub(super) found: Mutex<HashMap<KeyId, ObjectHandle>>,
}

/// The library while nobody begins it anew.
pub(super) type InUse<'a> = MappedRwLockReadGuard<'a, Pkcs11>;

impl Module {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            loaded: RwLock::default(),
            resting: Mutex::default(),
            answering: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    /// The library, as long as the guard lives.
    pub(super) fn used(&self) -> Result<InUse<'_>, Fault> {
        let usable = |loaded: &Option<Loaded>| loaded.as_ref().is_some_and(|loaded| loaded.initialized);
        let loaded = self.loaded.read();
        if !usable(&loaded) {
            return Err(Fault::Away(format!("its module {} is not in use yet", self.path.display())));
        }
        RwLockReadGuard::try_map(loaded, |loaded| loaded.as_ref().map(|loaded| &loaded.library))
            .map_err(|_| Fault::Away(format!("its module {} is not loaded", self.path.display())))
    }

    /// A session that rests.
    pub(super) fn take(&self, token: &str) -> Option<Ready> {
        self.resting.lock().get_mut(token)?.pop()
    }

    /// Lets a session rest.
    pub(super) fn give(&self, token: Arc<str>, ready: Ready) {
        self.resting.lock().entry(token).or_default().push(ready);
    }

    /// Ends the sessions of a token that rest.
    pub(super) fn forget(&self, token: &str) {
        let resting = self.resting.lock().remove(token);
        drop(resting);
    }

    /// Remembers whether a token answers.
    pub(super) fn answers(&self, token: &Arc<str>, yes: bool) {
        let mut answering = self.answering.lock();
        if yes {
            answering.insert(token.clone());
        } else {
            answering.remove(token);
        }
    }

    /// Begins the library anew for a token: many libraries see one that came back only then. While another of their tokens
    /// works it is done now and then.
    pub(super) fn begin_anew(&self, token: &str) -> Result<(), Fault> {
        let now = Instant::now();
        let shared = self.answering.lock().iter().any(|other| **other != *token);
        if shared && self.begun.lock().is_some_and(|begun| now.duration_since(begun) < SPARING) {
            return Ok(());
        }
        let busy = || Fault::Away(format!("its module {} does not answer", self.path.display()));
        let mut loaded = self.loaded.try_write_for(QUIET).ok_or_else(busy)?;
        // Their numbers may be given to others afterwards: all end before.
        self.resting.lock().clear();
        *self.begun.lock() = Some(now);
        let library = match loaded.take() {
            Some(Loaded { library, initialized }) => {
                if initialized && let Err(error) = library.clone().finalize() {
                    tracing::debug!(%error, "the module of a token did not end");
                }
                library
            }
            None => {
                let library = Pkcs11::new(&self.path).map_err(|error| {
                    Fault::Away(format!("its module {} cannot be loaded: {error}", self.path.display()))
                })?;
                std::mem::forget(library.clone()); // what it has begun may outlive us: it stays in memory
                library
            }
        };
        let begun = match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            Err(error) => Err(Fault::from(error)),
        };
        *loaded = Some(Loaded { library, initialized: begun.is_ok() });
        begun
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        use RvError as E;
        let Error::Pkcs11(answer, function) = &error else { return Self::Away(error.to_string()) };
        let words = format!("{function:?} answered {answer:?}");
        match answer {
            E::PinIncorrect | E::PinInvalid | E::PinLenRange | E::PinExpired | E::PinLocked => {
                Self::Pin(words)
            }
            E::MechanismInvalid
            | E::MechanismParamInvalid
            | E::KeySizeRange
            | E::KeyTypeInconsistent
            | E::KeyFunctionNotPermitted
            | E::AttributeTypeInvalid
            | E::AttributeValueInvalid
            | E::AttributeReadOnly
            | E::TemplateIncomplete
            | E::TemplateInconsistent
            | E::DomainParamsInvalid
            | E::CurveNotSupported
            | E::FunctionNotSupported
            | E::ActionProhibited
            | E::TokenWriteProtected => Self::Refused(words),
            _ => Self::Away(words),
        }
    }
}
