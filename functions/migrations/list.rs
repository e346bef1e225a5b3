//! The list of the migrations. Both the function that applies them and the deployment that compares them compile this
//! file.

/// The name and the text of every migration. The position, counted from 1, is the version.
///
/// The database records the checksum of each applied text, so a released migration never changes, not even its
/// comments.
pub const MIGRATIONS: [(&str, &str); 3] = [
    ("ledger", include_str!("0001_ledger.sql")),
    ("outbox", include_str!("0002_outbox.sql")),
    ("booking", include_str!("0003_booking.sql")),
];
