-- The double-entry ledger: accounts, transactions and their entries. Nothing booked is ever changed.
-- Runs as payments_owner; the application role is payments_app.

create table payments.accounts (
    account_id  text primary key check (length(account_id) between 1 and 96),
    currency    text not null check (currency ~ '^[A-Z]{3}$'),
    created_at  timestamptz not null default clock_timestamp(),
    -- The target of the entries' reference: an entry has the currency of its account.
    unique (account_id, currency)
);

create table payments.transactions (
    transaction_id     text primary key check (transaction_id ~ '^txn_[a-p]{32}$'),
    kind               text not null check (kind in ('payment', 'refund')),
    merchant_id        text not null check (merchant_id ~ '^[A-Za-z0-9_-]{1,64}$'),
    idempotency_key    text not null check (length(idempotency_key) between 1 and 128),
    -- SHA-256 of the operation and its body, hexadecimal: the same key with another body is refused.
    request_hash       text not null check (request_hash ~ '^[0-9a-f]{64}$'),
    -- Unique: a session books at most once whatever happens in DynamoDB.
    session_id         text unique,
    original_id        text references payments.transactions (transaction_id),
    amount             bigint not null check (amount > 0),
    currency           text not null check (currency ~ '^[A-Z]{3}$'),
    -- SHA-256 of the source token; the token itself is not kept.
    source_fingerprint text,
    reference          text not null check (length(reference) between 1 and 140),
    created_at         timestamptz not null default clock_timestamp(),
    constraint transactions_idempotency unique (merchant_id, idempotency_key),
    constraint transactions_shape check (
        (kind = 'payment' and original_id is null and session_id is not null and source_fingerprint is not null)
        or (kind = 'refund' and original_id is not null and session_id is null and source_fingerprint is null))
);
create index transactions_refunds on payments.transactions (original_id) include (amount) where original_id is not null;

create table payments.entries (
    transaction_id text not null references payments.transactions (transaction_id),
    position       smallint not null,
    account_id     text not null,
    currency       text not null,
    amount         bigint not null check (amount <> 0),
    primary key (transaction_id, position),
    foreign key (account_id, currency) references payments.accounts (account_id, currency)
);

-- Looked at when the database transaction commits: each booking's entries sum to zero in every
-- currency, and a transaction without entries is refused as well.
create function payments.require_balance() returns trigger language plpgsql as $$
declare
    entry_count bigint;
    unbalanced  bigint;
begin
    select coalesce(sum(c.entries), 0), count(*) filter (where c.total <> 0)
      into entry_count, unbalanced
      from (select count(*) as entries, sum(e.amount) as total
              from payments.entries e
             where e.transaction_id = new.transaction_id
             group by e.currency) c;
    if entry_count < 2 or unbalanced > 0 then
        raise exception 'transaction % is not balanced', new.transaction_id using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create constraint trigger transactions_balance after insert on payments.transactions
    deferrable initially deferred for each row execute function payments.require_balance();
create constraint trigger entries_balance after insert on payments.entries
    deferrable initially deferred for each row execute function payments.require_balance();

-- Grants already deny it to the application; the trigger denies it to everyone who is not asked to
-- drop the trigger first.
create function payments.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'booked rows of % are not changed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;

create trigger accounts_fixed before update or delete or truncate on payments.accounts
    for each statement execute function payments.refuse_change();
create trigger transactions_fixed before update or delete or truncate on payments.transactions
    for each statement execute function payments.refuse_change();
create trigger entries_fixed before update or delete or truncate on payments.entries
    for each statement execute function payments.refuse_change();

grant select, insert on payments.accounts, payments.transactions, payments.entries to payments_app;
