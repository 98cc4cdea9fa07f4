//! chancery.
