//! What services share: ids, commands, events, error codes, and the table of who may do what on the wires.
//!
//! One module per service ([`directory`], [`inventory`], [`keystore`], [`signer`]) holds its commands, its events
//! and the views that answers carry. Nothing here does I/O, reads a clock or draws a random number.
//! Public events (the CloudEvents that subscribers see) stand apart in [`public`]: log events may change freely,
//! those may not.

pub mod code;
pub mod command;
pub mod directory;
pub mod event;
pub mod id;
pub mod inventory;
pub mod keystore;
pub mod labels;
pub mod log;
pub mod network;
pub mod notifier;
pub mod permission;
pub mod problem;
pub mod public;
pub mod secret;
pub mod service;
pub mod session;
pub mod signer;
pub mod thumbprint;
pub mod time;
pub mod token;
pub mod trace;
pub mod x509;

pub use code::{Class, Code};
pub use command::{Actor, Command, Credential};
pub use event::{Event, EventError};
pub use id::{
    AdministratorId, ApprovalId, CaId, CertificateId, CertificateRequestId, CompromisedKeyId, CredentialId,
    DepartmentId, DocumentId, DomainId, EventId, IdError, IdentityProviderId, KeyId, NotificationId,
    OperationId, OrganizationId, PersonId, PolicyId, ProfileId, RoleId, SavedViewId, SessionId, TokenId,
    TrustSetId, ValidationId,
};
pub use network::{Network, NetworkError};
pub use permission::{Permission, PermissionSet};
pub use problem::{Problem, Violation};
pub use secret::{KeyText, LongSecretText, SecretText};
pub use service::Service;
pub use thumbprint::{Sha1Thumbprint, Thumbprint};
pub use time::{Lifetime, Timestamp};
pub use trace::TraceParent;
