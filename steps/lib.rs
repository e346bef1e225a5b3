//! The kinds of resources that a payment stack is made of.
//!
//! `ls -R steps` reads as the architecture: one folder for each part of the stack, one file for each kind of resource.
//! How they depend on each other is the `payinfra-stack` crate's business.

pub mod api;
mod cloud;
pub mod database;
pub mod functions;
pub mod kinds;
pub mod messaging;
pub mod monitoring;
pub mod network;
pub mod parameters;
mod policy;
pub mod security;
pub mod storage;

pub use cloud::{Cloud, Context, RunOptions};
