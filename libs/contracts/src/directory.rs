//! `directory`: organizations, departments, administrators, API tokens, denials.
//!
//! Each kind has a module: its events, then the commands that bring them about, then what a reader is shown.

mod administrator;
mod denial;
mod department;
mod name;
mod organization;
mod token;

pub use administrator::{AdministratorAppointed, AdministratorEvent, Role};
pub use denial::{DenialEvent, DenialRecorded, RecordDenial};
pub use department::{
    CreateDepartment, DepartmentCreated, DepartmentEvent, DepartmentUpdated, DepartmentView, UpdateDepartment,
};
pub use name::{DirectoryNameEvent, NameReserved};
pub use organization::{
    CreateOrganization, OrganizationCreated, OrganizationEvent, OrganizationUpdated, OrganizationView,
    UpdateOrganization,
};
pub use token::{
    IssueToken, RecordTokenUse, RevokeToken, TokenEvent, TokenIssued, TokenRevoked, TokenScope, TokenStatus,
    TokenView,
};
