//! Who may decide an approval: whose rights reach it, of those whom its rule names.

use bus::Context;
use contracts::{
    Actor, AdministratorId, ApprovalId, Code, Command, OrganizationId, Permission, Problem,
    directory::{ApprovalStatus, Approvers},
};
use runtime::authority::{Principal, Target, permitted};

use super::{Handlers, INSTALLATION, delegations, hidden, within};
use crate::approval::Known;

impl Handlers {
    /// Who decides an approval, if they may; the command, about its organization; and the approval.
    ///
    /// Errors: `not_found` of what they do not see; `forbidden`.
    pub(super) async fn decider<C: Command>(
        &self,
        context: &Context,
        approval: ApprovalId,
    ) -> Result<(Context, AdministratorId, Known), Problem> {
        let (known, tenant) = self.known_approval(approval).await?;
        let context = within(context, tenant);
        let target = target(&known, tenant);
        // Rights count as they are at this moment: of who decides, and of who approved before.
        self.authority.catch_up_soon().await?;
        let caller = self.authority.caller::<C>(&context).await;
        let caller = caller.map_err(|denied| hidden(denied, "approval", &approval))?;
        let Actor::Administrator { .. } = context.actor else {
            return Err(Problem::new(Code::Forbidden, "approvals are for people to decide"));
        };
        let principal = caller.principal().ok_or_else(Problem::internal)?;
        caller.permit(&target).map_err(|denied| {
            let own = known.requested.matter.requested_by == Some(principal.administrator);
            let sees = own || permitted(principal, Permission::ApprovalRead, &target).is_ok();
            if sees { denied } else { hidden(denied, "approval", &approval) }
        })?;
        if self.authority.is_lent(principal.credential) {
            let words =
                "this token was issued by somebody else, who may hold it: sign in, or issue one of your own";
            return Err(Problem::new(Code::Forbidden, words));
        }
        judge(&known, principal, &target)?;
        let by = principal.administrator;
        Ok((context, by, known))
    }

    /// Whether an administrator may decide it now.
    pub(super) fn may_decide(&self, who: AdministratorId, known: &Known, tenant: OrganizationId) -> bool {
        let target = target(known, tenant);
        self.authority.standing(who).is_some_and(|principal| judge(known, &principal, &target).is_ok())
    }

    /// Whoever may decide it now; nobody, once it is over.
    pub(super) async fn deciders(&self, approval: ApprovalId) -> Result<Vec<AdministratorId>, Problem> {
        let (known, tenant) = self.known_approval(approval).await?;
        if known.status != ApprovalStatus::Pending {
            return Ok(vec![]);
        }
        let mut all = self.authority.who_may(Permission::ApprovalDecide, &target(&known, tenant));
        all.retain(|who| {
            let own = known.requested.four_eyes && known.requested.matter.requested_by == Some(*who);
            let said = known.given.iter().any(|given| given.by == *who);
            !own && !said && self.may_decide(*who, &known, tenant)
        });
        Ok(all)
    }
}

/// What a right to decide is asked about.
pub(super) fn target(known: &Known, tenant: OrganizationId) -> Target {
    let matter = &known.requested.matter;
    if matter.place.installation || tenant == INSTALLATION {
        return Target { owner: matter.requested_by, ..Target::INSTALLATION };
    }
    Target {
        department: matter.place.department_id,
        certificate_type: matter.place.certificate_type,
        profile: matter.place.profile_id,
        owner: matter.requested_by,
        ..Target::organization(tenant)
    }
}

/// Whether somebody's rights and the rule let them decide. Errors: `forbidden`.
fn judge(known: &Known, principal: &Principal, target: &Target) -> Result<(), Problem> {
    permitted(principal, Permission::ApprovalDecide, target)?;
    let matter = &known.requested.matter;
    let of_policy = matter.subject_id.starts_with(delegations::POLICY);
    let guards = if of_policy { Some(Permission::ApprovalWrite) } else { matter.kind.guards() };
    if let Some(permission) = guards {
        permitted(principal, permission, target)?;
    }
    let among = |approvers: &Approvers| {
        let holds = || {
            let of_role = |role| approvers.roles.contains(role);
            principal.held.iter().any(|held| of_role(&held.grant.role) && held.reaches(target))
        };
        approvers.is_everybody() || approvers.administrators.contains(&principal.administrator) || holds()
    };
    if known.approvers().any(among) {
        return Ok(());
    }
    let words = "you are not among those who may decide this; its rule names others";
    Err(Problem::new(Code::Forbidden, words))
}
