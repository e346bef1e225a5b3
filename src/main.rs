//! payinfra
fn main() {}
