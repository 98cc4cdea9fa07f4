//! Who may do what, where: organizations, departments, administrators, API tokens, and what was denied.

pub mod administrator;
pub mod department;
mod fields;
pub mod name;
pub mod organization;
pub mod token;
