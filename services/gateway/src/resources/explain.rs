//! Why somebody may or may not do something: the engine's own answer ([`runtime::authority::decide`]), grant by grant.

use std::sync::LazyLock;

use contracts::{
    CertificateId, Code, DepartmentId, OrganizationId, Permission, Problem, ProfileId, Violation,
    directory::{AdministratorStatus, Grant},
    x509::CertificateType,
};
use runtime::authority::{Decision, Principal, Refusal, Target, decide, judge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{nearest, operation::Access, operations};

/// What is asked: an action, and what it is to be done to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// A permission such as `certificate.read`, or the id of an operation such as `listCertificates`.
    action: String,
    /// The organization; missing: the installation itself.
    #[serde(default)]
    organization: Option<OrganizationId>,
    /// A department of it; missing: the organization as a whole.
    #[serde(default)]
    department: Option<DepartmentId>,
    /// The type of certificate.
    #[serde(default)]
    certificate_type: Option<CertificateType>,
    /// The profile.
    #[serde(default)]
    profile: Option<ProfileId>,
    /// The certificate.
    #[serde(default)]
    certificate: Option<CertificateId>,
    /// Whether it is the administrator's own: asked for by them, or theirs.
    #[serde(default)]
    own: bool,
    /// Whether the organization shares it among all who work there, such as its profiles.
    #[serde(default)]
    shared: bool,
}

/// A question that can be answered.
pub struct Asked {
    permission: Option<Permission>,
    question: Question,
}

/// Whether somebody may do something, and why.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Whether they may.
    allowed: bool,
    /// The permission it needs; `null` for what everybody may who is signed in.
    permission: Option<Permission>,
    /// Why, in words.
    reason: String,
    /// The grant that allows it.
    grant: Option<Grant>,
    /// Each grant that does not, and why.
    refusals: Vec<GrantRefusal>,
}

/// Why a grant does not allow something.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantRefusal {
    /// The grant.
    grant: Grant,
    /// Where it ends: `role`, `token`, `organization`, `department`, `certificate_type`, `not_own`, `profile`,
    /// `certificate`.
    code: String,
    /// The same in words.
    reason: String,
}

impl Question {
    /// The permission that the action needs. Errors: `validation_failed`, with the nearest name.
    pub fn asked(self) -> Result<Asked, Problem> {
        if let Ok(permission) = self.action.parse() {
            return Ok(Asked { permission: Some(permission), question: self });
        }
        let known = OPERATIONS.iter().find(|(id, _)| *id == self.action).map(|(_, access)| *access);
        match known {
            Some(Access::Permission(permission)) => {
                Ok(Asked { permission: Some(permission), question: self })
            }
            Some(Access::Public | Access::SignedIn) => Ok(Asked { permission: None, question: self }),
            None => Err(unknown(&self.action)),
        }
    }
}

/// Who may call each operation.
static OPERATIONS: LazyLock<Vec<(&'static str, Access)>> = LazyLock::new(|| {
    let documented = operations::table().into_iter().filter(|operation| operation.documented);
    documented.filter_map(|operation| Some((operation.id, operation.access?))).collect()
});

fn unknown(action: &str) -> Problem {
    let operations = OPERATIONS.iter().map(|(id, _)| *id);
    let permissions = Permission::ALL.iter().map(|permission| permission.as_str());
    let hint = nearest::among(action, permissions.chain(operations))
        .map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
    let shown = crate::body::shown(action);
    let words = format!("'{shown}' is neither a permission nor an operation{hint}");
    Problem::new(Code::ValidationFailed, words.clone()).with_errors(vec![Violation::at(
        "#/action",
        "unknown_action",
        words,
    )])
}

/// The answer.
pub fn explain(principal: &Principal, Asked { permission, question }: &Asked) -> Explanation {
    let Some(permission) = *permission else {
        let reason = "everybody may who is signed in".to_owned();
        return Explanation { allowed: true, permission: None, reason, grant: None, refusals: vec![] };
    };
    let place = question.organization.map_or(Target::INSTALLATION, Target::organization);
    let target = Target {
        department: question.department,
        certificate_type: question.certificate_type,
        owner: question.own.then_some(principal.administrator),
        profile: question.profile,
        certificate: question.certificate,
        shared: question.shared,
        ..place
    };
    match decide(principal, permission, &target) {
        Decision::Allowed { grant } => {
            let grant = principal.held.get(grant).map(|held| held.grant.clone());
            let role = grant.as_ref().map(|grant| grant.role.to_string()).unwrap_or_default();
            let reason = format!("the role '{role}' allows '{permission}' there");
            Explanation { allowed: true, permission: Some(permission), reason, grant, refusals: vec![] }
        }
        Decision::Refused(closest) => {
            let refusal = |held: &runtime::authority::Held| {
                let refused: Refusal = judge(principal, held, permission, &target).err()?;
                let (code, reason) = (refused.as_str().to_owned(), refused.to_string());
                Some(GrantRefusal { grant: held.grant.clone(), code, reason })
            };
            Explanation {
                allowed: false,
                permission: Some(permission),
                reason: closest.to_string(),
                grant: None,
                refusals: principal.held.iter().filter_map(refusal).collect(),
            }
        }
    }
}

/// The answer about somebody who may not act at all.
pub fn may_not_act(Asked { permission, .. }: &Asked, status: AdministratorStatus) -> Explanation {
    let reason = match status {
        AdministratorStatus::Removed => "the administrator was removed",
        _ => "the administrator is disabled",
    };
    let reason = reason.to_owned();
    Explanation { allowed: false, permission: *permission, reason, grant: None, refusals: vec![] }
}

/// An example of a question.
pub fn question_example() -> Value {
    json!({"action": "submitCertificateRequest", "organization": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "certificateType": "code_signing"})
}

/// An example of an answer.
pub fn example() -> Value {
    let grant = json!({"role": "organization_officer", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "certificateTypes": ["server"]});
    let reason = "the grant is for other types of certificate";
    json!({"allowed": false, "permission": "certificate_request.create", "reason": reason, "grant": null,
        "refusals": [{"grant": grant, "code": "certificate_type", "reason": reason}]})
}
