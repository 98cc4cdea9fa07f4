//! Persons: who may hold client certificates, one by one and by the file.
//!
//! What happened to a person is in the log; names and addresses stand in `directory.person_details` (K-8).

pub mod add;
pub mod details;
pub mod import;
pub mod import_table;
pub mod importer;
pub mod person;
pub mod secret_id;
pub mod table;
