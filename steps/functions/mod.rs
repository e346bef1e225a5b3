//! The Lambda functions, their code, aliases, permissions, schedule and dead-letter queue.
