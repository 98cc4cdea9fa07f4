//! The one table of services: what each may write, read, command and do on the bus.
//!
//! PostgreSQL roles and grants and NATS users and permissions are generated from it; a test compares it with the
//! live servers. It is the table of security-reliability.md section 1, as far as its services exist.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A service (or the relay), as it is named on the wires, in `service.name` and in the log's actors.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// HTTP to commands and queries.
    Gateway,
    /// Who may do what, where.
    Directory,
    /// Every certificate known.
    Inventory,
    /// Private keys.
    Keystore,
    /// Issuing CAs, profiles, policies, issuance.
    Signer,
    /// Tells people.
    Notifier,
    /// Publishes the log to JetStream and seals it.
    Relay,
}

/// What one service may do.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Whose row.
    pub service: Service,
    /// Categories it appends.
    pub writes: &'static [&'static str],
    /// Categories it reads; `*` is every one.
    pub reads: &'static [&'static str],
    /// Commands it may send: service and name.
    pub commands: &'static [(Service, &'static str)],
    /// Whether it answers commands (and so subscribes to `cmd.<service>.>`).
    pub answers: bool,
    /// Streams of which it is the one writer.
    pub owns_streams: &'static [Stream],
    /// Subjects it publishes beside commands and replies.
    pub publishes: &'static [&'static str],
    /// Read models: whether it owns the schemas `<service>` and `api_<service>`.
    pub projects: bool,
}

/// A JetStream stream of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// `LOG_0`: the log, written by the relay.
    Log,
    /// `CHANCERY_EVENTS`: the public events, written by the gateway.
    PublicEvents,
}

impl Stream {
    /// The stream's name on the server.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "LOG_0",
            Self::PublicEvents => "CHANCERY_EVENTS",
        }
    }
}

/// Categories every service follows to know who may do what (Z-1: checked from state in memory).
const ACCESS: [&str; 6] = ["organization", "department", "administrator", "token", "role", "session"];

/// The table.
pub const TABLE: &[Row] = &[
    Row {
        service: Service::Gateway,
        writes: &[],
        reads: &["*"],
        commands: &[
            (Service::Directory, "create_organization"),
            (Service::Directory, "update_organization"),
            (Service::Directory, "archive_organization"),
            (Service::Directory, "restore_organization"),
            (Service::Directory, "create_department"),
            (Service::Directory, "update_department"),
            (Service::Directory, "archive_department"),
            (Service::Directory, "restore_department"),
            (Service::Directory, "appoint_administrator"),
            (Service::Directory, "update_administrator"),
            (Service::Directory, "disable_administrator"),
            (Service::Directory, "enable_administrator"),
            (Service::Directory, "remove_administrator"),
            (Service::Directory, "bind_certificate"),
            (Service::Directory, "unbind_certificate"),
            (Service::Directory, "record_certificate_use"),
            (Service::Directory, "create_role"),
            (Service::Directory, "update_role"),
            (Service::Directory, "archive_role"),
            (Service::Directory, "create_identity_provider"),
            (Service::Directory, "update_identity_provider"),
            (Service::Directory, "archive_identity_provider"),
            (Service::Directory, "create_domain"),
            (Service::Directory, "update_domain"),
            (Service::Directory, "activate_domain"),
            (Service::Directory, "deactivate_domain"),
            (Service::Directory, "delegate_domain"),
            (Service::Directory, "approve_delegation"),
            (Service::Directory, "reject_delegation"),
            (Service::Directory, "withdraw_delegation"),
            (Service::Directory, "add_person"),
            (Service::Directory, "update_person"),
            (Service::Directory, "archive_person"),
            (Service::Directory, "restore_person"),
            (Service::Directory, "erase_person"),
            (Service::Directory, "judge_people"),
            (Service::Directory, "stage_people"),
            (Service::Directory, "import_people"),
            (Service::Directory, "start_domain_validation"),
            (Service::Directory, "check_domain_validation"),
            (Service::Directory, "confirm_domain_validation"),
            (Service::Directory, "replace_access_list"),
            (Service::Directory, "give_approval"),
            (Service::Directory, "decline_approval"),
            (Service::Directory, "withdraw_approval"),
            (Service::Directory, "replace_approval_policy"),
            (Service::Directory, "issue_token"),
            (Service::Directory, "rotate_token"),
            (Service::Directory, "revoke_token"),
            (Service::Directory, "record_token_use"),
            (Service::Directory, "sign_in"),
            (Service::Directory, "begin_provider_sign_in"),
            (Service::Directory, "finish_provider_sign_in"),
            (Service::Directory, "step_up"),
            (Service::Directory, "end_session"),
            (Service::Directory, "record_session_use"),
            (Service::Directory, "want_link"),
            (Service::Directory, "forget_password"),
            (Service::Directory, "use_link"),
            (Service::Directory, "change_password"),
            (Service::Directory, "update_profile"),
            (Service::Directory, "show_profile"),
            (Service::Directory, "enrol_second_factor"),
            (Service::Directory, "confirm_second_factor"),
            (Service::Directory, "remove_second_factor"),
            (Service::Directory, "reset_second_factor"),
            (Service::Directory, "record_denial"),
            (Service::Directory, "record_audit_read"),
            (Service::Inventory, "annotate_certificate"),
            (Service::Inventory, "archive_certificate"),
            (Service::Inventory, "restore_certificate"),
            (Service::Inventory, "keep_document_part"),
            (Service::Inventory, "attach_document"),
            (Service::Inventory, "remove_document"),
            (Service::Inventory, "create_saved_view"),
            (Service::Inventory, "update_saved_view"),
            (Service::Inventory, "remove_saved_view"),
            (Service::Inventory, "import_certificates"),
            (Service::Inventory, "create_trust_set"),
            (Service::Inventory, "update_trust_set"),
            (Service::Inventory, "add_trusted_certificates"),
            (Service::Inventory, "remove_trusted_certificate"),
            (Service::Inventory, "archive_trust_set"),
            (Service::Keystore, "generate_key"),
            (Service::Keystore, "destroy_key"),
            (Service::Keystore, "mark_key_compromised"),
            (Service::Keystore, "begin_key_import"),
            (Service::Keystore, "import_key"),
            (Service::Keystore, "export_key"),
            (Service::Keystore, "rotate_master_key"),
            (Service::Keystore, "unseal_keystore"),
            (Service::Keystore, "make_master_key_shares"),
            (Service::Signer, "create_ca"),
            (Service::Signer, "suspend_ca"),
            (Service::Signer, "resume_ca"),
            (Service::Signer, "create_policy"),
            (Service::Signer, "update_policy"),
            (Service::Signer, "create_profile"),
            (Service::Signer, "update_profile"),
            (Service::Signer, "submit_certificate_request"),
            (Service::Signer, "receive_certificate"),
            (Service::Signer, "mail_csr"),
            (Service::Signer, "build_csr"),
            (Service::Notifier, "replace_mail_settings"),
            (Service::Notifier, "test_mail"),
            (Service::Notifier, "resend_notification"),
        ],
        answers: false,
        owns_streams: &[Stream::PublicEvents],
        publishes: &["evt.>"],
        projects: true,
    },
    Row {
        service: Service::Directory,
        writes: &[
            "organization",
            "department",
            "domain",
            "domain_validation",
            "administrator",
            "person",
            "person_import",
            "role",
            "identity_provider",
            "token",
            "access_list",
            "approval",
            "approval_policy",
            "denial",
            "audit",
            "session",
            "sign_in",
            "directory_name",
        ],
        reads: &[
            "organization",
            "department",
            "domain",
            "domain_validation",
            "administrator",
            "person",
            "person_import",
            "role",
            "identity_provider",
            "token",
            "access_list",
            "approval",
            "approval_policy",
            "denial",
            "audit",
            "session",
            "sign_in",
            "directory_name",
        ],
        commands: &[
            (Service::Keystore, "keep_sign_in_credential"),
            (Service::Keystore, "use_sign_in_credential"),
            (Service::Keystore, "destroy_sign_in_credential"),
        ],
        answers: true,
        owns_streams: &[],
        publishes: &[],
        projects: true,
    },
    Row {
        service: Service::Inventory,
        writes: &["certificate", "trust_set", "inventory_name", "document", "saved_view"],
        reads: &[
            "certificate",
            "trust_set",
            "inventory_name",
            "key",
            "compromised_key",
            "document",
            "saved_view",
            "certificate_request",
            "issuance",
            "ca",
            ACCESS[0],
            ACCESS[1],
            ACCESS[2],
            ACCESS[3],
            ACCESS[4],
            ACCESS[5],
        ],
        commands: &[],
        answers: true,
        owns_streams: &[],
        publishes: &[],
        projects: true,
    },
    Row {
        service: Service::Keystore,
        writes: &["key", "compromised_key", "credential", "master_key"],
        reads: &[
            "key",
            "master_key",
            "compromised_key",
            "credential",
            "certificate_request",
            "issuance",
            "ca",
            "approval",
            "approval_policy",
            ACCESS[0],
            ACCESS[1],
            ACCESS[2],
            ACCESS[3],
            ACCESS[4],
            ACCESS[5],
        ],
        commands: &[],
        answers: true,
        owns_streams: &[],
        publishes: &[],
        projects: true,
    },
    Row {
        service: Service::Signer,
        writes: &["ca", "profile", "policy", "issuance", "certificate_request", "guarded_act", "signer_name"],
        reads: &[
            "ca",
            "profile",
            "policy",
            "issuance",
            "certificate_request",
            "guarded_act",
            "signer_name",
            "key",
            "trust_set",
            "compromised_key",
            "domain",
            "approval",
            "approval_policy",
            ACCESS[0],
            ACCESS[1],
            ACCESS[2],
            ACCESS[3],
            ACCESS[4],
            ACCESS[5],
        ],
        commands: &[
            (Service::Keystore, "generate_ca_key"),
            (Service::Keystore, "generate_request_key"),
            (Service::Keystore, "sign_certificate"),
            (Service::Keystore, "sign_ca_certificate"),
            (Service::Keystore, "sign_self_signed"),
            (Service::Keystore, "sign_csr"),
            (Service::Keystore, "sign_built_csr"),
            (Service::Directory, "request_approval"),
            (Service::Directory, "withdraw_approval"),
        ],
        answers: true,
        owns_streams: &[],
        publishes: &[],
        projects: true,
    },
    Row {
        service: Service::Notifier,
        writes: &["mail_settings", "notification"],
        reads: &[
            "mail_settings",
            "notification",
            "approval",
            "certificate_request",
            "domain_validation",
            ACCESS[0],
            ACCESS[1],
            ACCESS[2],
            ACCESS[3],
            ACCESS[4],
            ACCESS[5],
        ],
        commands: &[
            (Service::Keystore, "keep_mail_credential"),
            (Service::Keystore, "use_mail_credential"),
            (Service::Keystore, "destroy_mail_credential"),
            (Service::Directory, "find_recipients"),
            (Service::Directory, "draw_link"),
            (Service::Directory, "draw_validation_code"),
        ],
        answers: true,
        owns_streams: &[],
        publishes: &[],
        projects: true,
    },
    Row {
        service: Service::Relay,
        writes: &[],
        reads: &["*"],
        commands: &[(Service::Keystore, "sign_checkpoint")],
        answers: false,
        owns_streams: &[Stream::Log],
        publishes: &["log.>"],
        projects: false,
    },
];

impl Service {
    /// Every service.
    pub const ALL: &'static [Self] = &[
        Self::Gateway,
        Self::Directory,
        Self::Inventory,
        Self::Keystore,
        Self::Signer,
        Self::Notifier,
        Self::Relay,
    ];

    /// Its name on the wires.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Directory => "directory",
            Self::Inventory => "inventory",
            Self::Keystore => "keystore",
            Self::Signer => "signer",
            Self::Notifier => "notifier",
            Self::Relay => "relay",
        }
    }

    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // `TABLE` has a row for each service; the test `every_service_has_one_row` holds it to that.
        TABLE.iter().find(|row| row.service == self).unwrap_or(&TABLE[0])
    }

    /// Its PostgreSQL login role.
    #[must_use]
    pub fn role(self) -> String {
        format!("chancery_{self}")
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a service's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a service: expected gateway, directory, inventory, keystore, signer, notifier or relay"
)]
pub struct ServiceError(String);

impl FromStr for Service {
    type Err = ServiceError;
    fn from_str(text: &str) -> Result<Self, ServiceError> {
        Self::ALL
            .iter()
            .copied()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| ServiceError(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_one_row() {
        for service in Service::ALL {
            assert_eq!(TABLE.iter().filter(|row| row.service == *service).count(), 1, "{service}");
        }
    }

    #[test]
    fn a_category_has_one_writer() {
        let mut all: Vec<_> = TABLE.iter().flat_map(|row| row.writes).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
