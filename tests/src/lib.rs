//! Journeys over HTTP.
