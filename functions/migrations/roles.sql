-- The roles and the schema. The master user runs this before every migration run, so every statement is repeatable.
-- payments_owner owns the schema and cannot log in; payments_app is the functions' role.

do $$
begin
    if not exists (select from pg_roles where rolname = 'payments_owner') then
        create role payments_owner nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'payments_app') then
        create role payments_app login;
    end if;
    -- On Aurora, the master user is not a superuser, so it must be a member of the owner role to act as the owner.
    grant payments_owner to current_user;
    if exists (select from pg_roles where rolname = 'rds_iam') then
        grant rds_iam to payments_app;
    end if;
end
$$;

-- These settings belong to the role, because a SET in a session would pin its RDS Proxy connection.
alter role payments_app set statement_timeout = '3s';
alter role payments_app set lock_timeout = '2s';
alter role payments_app set idle_in_transaction_session_timeout = '5s';

create schema if not exists payments authorization payments_owner;
