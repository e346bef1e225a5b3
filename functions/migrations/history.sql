-- Which migrations this database has had; written only by the migrate action.
create table if not exists payments.migrations (
    version    integer primary key,
    name       text not null,
    checksum   text not null check (checksum ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz not null default clock_timestamp()
);
grant select on payments.migrations to payments_app;
