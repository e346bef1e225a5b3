-- Runs as payments_owner before every migration run: who may use the schema, and the table of applied migrations.
revoke all on schema payments from public;
grant usage on schema payments to payments_app;

create table if not exists payments.migrations (
    version    integer primary key,
    name       text not null,
    checksum   text not null check (checksum ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null default clock_timestamp()
);
grant select on payments.migrations to payments_app;
