//! The REST API and what stands in front of it.
