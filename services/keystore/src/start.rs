//! How keystore comes to life: memory, master key, then, as soon as PostgreSQL is there, the vault, the checkpoint key
//! and the commands.

use std::{sync::Arc, time::Duration};

use bus::{BusError, Context, Reply};
use contracts::{
    Actor, Command, Event as _, OrganizationId, Problem, Service, Timestamp,
    keystore::{
        BeginKeyImport, DestroyKey, DestroyMailCredential, DestroySignInCredential, ExportKey, GenerateCaKey,
        GenerateKey, GenerateRequestKey, ImportKey, KeepMailCredential, KeepSignInCredential, KeyEvent,
        KeyPurpose, MakeMasterKeyShares, MarkKeyCompromised, RotateMasterKey, SignBuiltCsr,
        SignCaCertificate, SignCertificate, SignCheckpoint, SignCsr, SignSelfSigned, SignedCheckpoint,
        UnsealKeystore, UseMailCredential, UseSignInCredential,
    },
    x509::KeyAlgorithm,
};
use eventlog::{ReadError, Recorded};
use runtime::{
    blocked_keys::BlockedKeys,
    fold::Live,
    follower::{FollowOptions, Follower},
    health::Dependency,
    service::ServiceContext,
};
use tokio::sync::{Mutex, Notify, OnceCell};
use uuid::Uuid;

use crate::{
    checkpoint::{self, Checkpoints},
    commands::{Keys, Wanted},
    compromise::Compromises,
    compromised_view::CompromisedKeyProjection,
    credentials::Credentials,
    custodian::Custodian,
    database::DatabaseError,
    facts,
    generate::Generator,
    guard::ClockGuard,
    in_use::CaKeys,
    journal,
    keyring::Keyring,
    master_key::{MasterKeyError, Source},
    memory::{self, MemoryError},
    operation::{measured, show_sealed, show_swap},
    projection::KeyProjection,
    registry,
    replacement::Replacement,
    rotation,
    sign::Signing,
    token::{Tokens, tidy},
    vault::{OpenError, Vault, VaultError},
};

/// Why keystore does not start: each needs somebody to do something.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The strict profile, and memory that may be written to disk.
    #[error(
        "the strict profile (server.production) keeps keys in locked memory only: {0}; \
         keystore.allow_unlocked_memory lets it run without"
    )]
    Memory(MemoryError),
}

runtime::projections!(contracts::Service::Keystore, [KeyProjection, CompromisedKeyProjection]);

/// Starts the service. What is missing for now (PostgreSQL, NATS) shows in the health and is waited for.
pub async fn start(context: ServiceContext) -> Result<(), StartError> {
    protect_memory(&context)?;
    let source = Arc::new(Source::read(&context.config.keystore, context.config.server.production)?);
    start_projections(&context);
    let ca_keys = Live::start(
        "ca_keys",
        &context.reader,
        &context.bus,
        &context.health,
        &context.shutdown,
        Duration::from_secs(5),
    );
    let blocked = Live::start(
        "compromised_keys",
        &context.reader,
        &context.bus,
        &context.health,
        &context.shutdown,
        Duration::from_secs(1),
    );
    let vault = context.health.register("vault");
    context.shutdown.clone().spawn_droppable(run(context, source, Folds { ca_keys, blocked }, vault));
    Ok(())
}

/// Locked memory in the strict profile; elsewhere, where other services share the process, it is only said.
fn protect_memory(context: &ServiceContext) -> Result<(), StartError> {
    let required = context.config.server.production && !context.config.keystore.allow_unlocked_memory;
    let protected = memory::forbid_dumps()
        .and_then(|()| if context.config.server.production { memory::lock() } else { Ok(()) });
    match protected {
        Err(error) if required => return Err(StartError::Memory(error)),
        Err(error) => tracing::warn!(error = runtime::error::words(&error), "memory is not protected"),
        Ok(()) if !context.config.server.production => {
            tracing::info!("memory is shared and not locked; server.production locks it");
        }
        Ok(()) => return Ok(()),
    }
    let swap = memory::has_disk_swap();
    show_swap(swap);
    if swap {
        tracing::warn!("keys may reach the disk: swap is on; encrypt it, or lock keystore's memory");
    }
    Ok(())
}

/// Pause before the next try.
const PAUSE: Duration = Duration::from_millis(500);

/// What keystore knows from memory.
#[derive(Clone)]
struct Folds {
    ca_keys: Live<CaKeys>,
    blocked: Live<BlockedKeys>,
}

async fn run(context: ServiceContext, source: Arc<Source>, folds: Folds, health: Dependency) {
    let tokens = start_tokens(&context, &health).await;
    loop {
        match open(&context, &source, folds.clone(), &tokens).await {
            Ok(service) => {
                let keyring = service.keys.keyring.clone();
                context.shutdown.spawn_droppable(forget_destroyed(context.clone(), keyring));
                let sealed = service.keys.vault.check();
                show_sealed(sealed.is_err());
                match sealed {
                    Ok(()) => {}
                    Err(error @ VaultError::Sealed) => {
                        tracing::warn!(%error, "keystore waits for people: every operation on keys is refused");
                        health.set_waiting(error);
                    }
                    Err(error) => {
                        tracing::error!(%error, "keystore is sealed: every operation on keys is refused");
                        health.set_failing(error);
                    }
                }
                let replacement = service.custodian.replacement.clone();
                context.shutdown.spawn_droppable(once_open(context.clone(), replacement, health.clone()));
                if let Err(error) = Arc::new(service).serve(&context).await {
                    tracing::error!(error = runtime::error::words(&error), "commands cannot be answered");
                    health.set_failing(runtime::error::words(&error));
                }
                return;
            }
            Err(error) => {
                show_sealed(true);
                health.set_failing(&error);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is done as long as the vault is open.
async fn once_open(context: ServiceContext, replacement: Arc<Replacement>, health: Dependency) {
    let vault = replacement.vault.clone();
    vault.opened().await;
    show_sealed(false);
    health.set_ready();
    tokio::join!(rotation::run(vault, context.reader.clone()), replacement.run());
}

/// Looks for the tokens of the configuration, as soon as it is known whose keys are in them.
async fn start_tokens(context: &ServiceContext, health: &Dependency) -> Arc<Tokens> {
    let installation = loop {
        match context.reader.installation().await {
            Ok(installation) => break installation,
            Err(error) => health.set_failing(runtime::error::words(&error)),
        }
        tokio::time::sleep(PAUSE).await;
    };
    let tokens = Arc::new(Tokens::start(&context.config.keystore, installation, &context.health));
    context.shutdown.spawn_droppable(tidy::run(tokens.clone(), context.reader.clone()));
    tokens
}

/// Why keystore does not answer yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("{}", runtime::error::words(.0))]
    Open(#[from] OpenError),
    #[error("{}", runtime::error::words(.0))]
    Log(#[from] ReadError),
    #[error("{}", runtime::error::words(.0))]
    Database(#[from] DatabaseError),
    #[error("the checkpoint key: {0}")]
    CheckpointKey(Problem),
}

/// What answers commands.
struct Keystore {
    keys: Keys,
    compromises: Compromises,
    credentials: Credentials,
    custodian: Custodian,
    signing: Signing,
    /// Empty while the vault is closed.
    checkpoints: OnceCell<Checkpoints>,
    context: ServiceContext,
}

async fn open(
    context: &ServiceContext,
    source: &Arc<Source>,
    folds: Folds,
    tokens: &Arc<Tokens>,
) -> Result<Keystore, NotYet> {
    let vault = Vault::unlock(context.pool.clone(), source.clone(), context.entropy.clone()).await?;
    let vault = Arc::new(vault);
    registry::show(&context.pool, source.provider(), vault.check().is_err()).await?;
    let keyring = Arc::new(Keyring::new(vault.clone()));
    let guard = Arc::new(ClockGuard::default());
    let newest = newest_event(context).await?;
    if let Some(newest) = newest {
        guard.saw_event(newest);
    }
    let (pool, bus) = (context.pool.clone(), context.bus.clone());
    let keys = Keys {
        reader: context.reader.clone(),
        repository: context.repository(1_000),
        pool: pool.clone(),
        wake: Box::new(move |head| bus.wake(head)),
        authority: context.authority.clone(),
        generator: Generator::new(),
        tokens: tokens.clone(),
        vault: vault.clone(),
        keyring: keyring.clone(),
        ca_keys: folds.ca_keys,
        blocked: folds.blocked,
        clock: context.clock.clone(),
    };
    let checkpoints = match vault.check() {
        Ok(()) => OnceCell::new_with(Some(open_checkpoints(context, &keys).await?)),
        Err(_) => OnceCell::new(),
    };
    let compromises = Compromises {
        reader: context.reader.clone(),
        appender: context.appender.clone(),
        listed: context.repository(1_000),
        keys: context.repository(1_000),
        pool: pool.clone(),
        authority: context.authority.clone(),
        keyring: keyring.clone(),
    };
    let signing = Signing {
        clock: context.clock.clone(),
        guard: guard.clone(),
        facts: facts::start(pool.clone(), context.clock.clone(), guard),
        reader: context.reader.clone(),
        tokens: tokens.clone(),
        keys: context.repository(1_000),
        journal: journal::open(pool.clone()),
        production: context.config.server.production,
        pool,
        keyring,
    };
    let replacement = Arc::new(Replacement {
        vault: vault.clone(),
        reader: context.reader.clone(),
        mastership: context.repository(1),
        clock: context.clock.clone(),
        wanted: Notify::new(),
        turn: Mutex::new(()),
    });
    let custodian = Custodian {
        authority: context.authority.clone(),
        replacement,
        entered: Arc::default(),
        clock: context.clock.clone(),
    };
    let bus = context.bus.clone();
    let credentials = Credentials {
        repository: context.repository(1_000),
        pool: context.pool.clone(),
        wake: Box::new(move |head| bus.wake(head)),
        vault,
    };
    Ok(Keystore { keys, compromises, credentials, custodian, signing, checkpoints, context: context.clone() })
}

/// Makes the checkpoint key unless it is there, and takes it.
async fn open_checkpoints(context: &ServiceContext, keys: &Keys) -> Result<Checkpoints, NotYet> {
    let installation = context.reader.installation().await?;
    let (id, organization) = (checkpoint::key_id(installation), OrganizationId(installation));
    let stream = id.uuid();
    let mut known = keys.repository.load(stream).await.map_err(NotYet::CheckpointKey)?;
    if known.version == 0 {
        let command = Uuid::new_v5(&installation, b"generate checkpoint key");
        let now = context.clock.now();
        let make = Context::new(command, organization, Actor::Service(Service::Keystore), now);
        let wanted = Wanted {
            algorithm: KeyAlgorithm::Ed25519,
            purpose: KeyPurpose::Checkpoint,
            exportable: false,
            label: Some("checkpoints of the log".into()),
            token: None,
            place: "#",
        };
        keys.make_as(&make, id, wanted).await.map_err(NotYet::CheckpointKey)?;
        known = keys.repository.reload(stream).await.map_err(NotYet::CheckpointKey)?;
    }
    let description = known.state.description().ok_or_else(|| NotYet::CheckpointKey(Problem::internal()))?;
    let key = keys.keyring.key(organization, description).await;
    let key = key.map_err(|error| NotYet::CheckpointKey(error.into()))?;
    Checkpoints::open(context.pool.clone(), installation, description, key)
        .await
        .map_err(NotYet::CheckpointKey)
}

/// When the newest event was recorded that keystore may read, among the last of the log.
async fn newest_event(context: &ServiceContext) -> Result<Option<Timestamp>, ReadError> {
    let head = context.reader.head().await?;
    let categories = Service::Keystore.row().reads;
    let last = context.reader.read((head - 1_000).max(0), Some(categories), 1_000).await?;
    Ok(last.last().map(|event| event.recorded_at))
}

/// Wipes keys that sign nothing any more, because other instances destroyed them or say so.
async fn forget_destroyed(context: ServiceContext, keyring: Arc<Keyring>) {
    // Keys are taken into the ring from here on; what was destroyed before is never taken.
    let head = context.reader.head().await.unwrap_or(0);
    let options = FollowOptions::new(&[KeyEvent::CATEGORY]).after(head);
    let mut follower = Follower::new(context.reader.clone(), context.bus.clone(), options);
    loop {
        match follower.next().await {
            Ok(events) => events.iter().filter(|event| is_end(event)).for_each(|event| {
                keyring.forget(event.stream.into());
            }),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn is_end(event: &Recorded) -> bool {
    let read = KeyEvent::from_payload(&event.kind, event.schema, &event.payload);
    matches!(read, Ok(KeyEvent::Destroyed(_) | KeyEvent::Compromised(_)))
}

impl Keystore {
    /// Answers commands until shutdown.
    async fn serve(self: Arc<Self>, context: &ServiceContext) -> Result<(), BusError> {
        let bus = &context.bus;
        macro_rules! serve {
            ($($command:ty => $part:ident.$method:ident),* $(,)?) => {$(
                let service = self.clone();
                bus.serve::<$command, _, _, _>(move |context, command| {
                    let service = service.clone();
                    async move { service.$part.$method(context, command).await }
                })
                .await?;
            )*};
        }
        serve! {
            GenerateKey => keys.generate,
            GenerateCaKey => keys.generate_for_ca,
            GenerateRequestKey => keys.generate_for_request,
            BeginKeyImport => keys.begin_import,
            ImportKey => keys.import,
            ExportKey => keys.export,
            MarkKeyCompromised => compromises.mark,
            DestroyKey => keys.destroy,
            RotateMasterKey => custodian.rotate,
            UnsealKeystore => custodian.unseal,
            MakeMasterKeyShares => custodian.make_shares,
            KeepMailCredential => credentials.keep_for_mail,
            UseMailCredential => credentials.use_for_mail,
            DestroyMailCredential => credentials.destroy_for_mail,
            KeepSignInCredential => credentials.keep_for_sign_in,
            UseSignInCredential => credentials.use_for_sign_in,
            DestroySignInCredential => credentials.destroy_for_sign_in,
            SignCertificate => signing.certificate,
            SignSelfSigned => signing.self_signed,
            SignCsr => signing.csr,
            SignBuiltCsr => signing.built_csr,
            SignCaCertificate => signing.ca_certificate,
        }
        bus.serve::<SignCheckpoint, _, _, _>(move |context, command| {
            let service = self.clone();
            async move { service.sign_checkpoint(context, command).await }
        })
        .await
    }

    async fn sign_checkpoint(
        &self,
        context: Context,
        command: SignCheckpoint,
    ) -> Result<Reply<SignedCheckpoint>, Problem> {
        self.keys.vault.check()?;
        let open = || open_checkpoints(&self.context, &self.keys);
        let checkpoints = self
            .checkpoints
            .get_or_try_init(open)
            .await
            .map_err(|error| Problem::unavailable(format!("the checkpoint key is not open: {error}")))?;
        measured(SignCheckpoint::NAME, KeyAlgorithm::Ed25519.as_str(), checkpoints.sign(context, command))
            .await
    }
}
