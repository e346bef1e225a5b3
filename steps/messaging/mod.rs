//! Topics, their subscriptions, queues and the schedule.

pub mod queue;
pub mod schedule;
mod sns_tags;
pub mod subscription;
pub mod topic;

pub use queue::Queue;
pub use schedule::Schedule;
pub use subscription::Subscription;
pub use topic::Topic;
