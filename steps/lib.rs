//! The payment stack: its configuration, its names and its resources.
//!
//! `ls -R steps` reads as the architecture: one folder for each part of the stack, one file for each kind of resource,
//! and [`stack`] says how they hang together.

pub mod api;
pub mod aws;
pub mod capacity;
pub mod config;
pub mod data;
pub mod discover;
pub mod evidence;
pub mod fingerprint;
pub mod functions;
pub mod kinds;
pub mod monitoring;
pub mod names;
pub mod network;
pub mod security;
pub mod settings;
pub mod stack;
pub mod storage;
