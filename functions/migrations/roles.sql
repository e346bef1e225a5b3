-- The roles and the schema, made by the master user before every migration run; each statement can be
-- repeated. payments_owner owns the schema and cannot log in; payments_app is what the functions are.

do $$
begin
    if not exists (select from pg_roles where rolname = 'payments_owner') then
        create role payments_owner nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'payments_app') then
        create role payments_app login;
    end if;
    -- On Aurora the master user is no superuser: it must be a member to act as the owner.
    grant payments_owner to current_user;
    if exists (select from pg_roles where rolname = 'rds_iam') then
        grant rds_iam to payments_app;
    end if;
end
$$;

-- Settings of the role, not of a session: a SET from the function would pin an RDS Proxy connection.
alter role payments_app set statement_timeout = '3s';
alter role payments_app set lock_timeout = '2s';
alter role payments_app set idle_in_transaction_session_timeout = '5s';

create schema if not exists payments authorization payments_owner;
