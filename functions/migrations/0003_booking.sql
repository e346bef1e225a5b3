-- Booking and refunding, each one statement for the caller: one round trip, one database transaction.
--
-- READ COMMITTED with explicit serialisation, not SERIALIZABLE: every conflict that can happen is one
-- of two, and both have an exact lock. Two requests with one key (or one session) meet at a unique
-- index, where the later waits for the earlier. Two refunds of one payment meet at a transaction-level
-- advisory lock named after the payment. SERIALIZABLE would add predicate locks to each booking and
-- aborts between strangers whose rows share an index page. The order is always advisory lock first,
-- unique index second, and a booking takes only the latter, so there is no cycle to deadlock in.
--
-- A volatile function sees, statement by statement, what has been committed meanwhile; the reads after
-- a lock was waited for depend on that.

create function payments.transaction_json(t payments.transactions) returns text language sql stable as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'id', t.transaction_id, 'kind', t.kind, 'merchant_id', t.merchant_id, 'amount', t.amount,
        'currency', t.currency, 'reference', t.reference, 'original_id', t.original_id,
        'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))::text
$$;

-- Writes the two entries and the event of a fresh transaction. The amount moves from one account to
-- the other: a negative entry in the first, a positive one in the second.
create function payments.complete(t payments.transactions, from_account text, to_account text, p_event_id text)
returns text language plpgsql as $$
declare
    event text;
begin
    insert into payments.accounts (account_id, currency)
    values (from_account, t.currency), (to_account, t.currency)
    on conflict do nothing;
    insert into payments.entries (transaction_id, position, account_id, currency, amount)
    values (t.transaction_id, 1, from_account, t.currency, -t.amount),
           (t.transaction_id, 2, to_account, t.currency, t.amount);
    event := jsonb_build_object(
        'id', p_event_id,
        'type', case t.kind when 'payment' then 'payment.booked' else 'payment.refunded' end,
        'created_at', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'data', payments.transaction_json(t)::jsonb)::text;
    insert into payments.outbox (event_id, transaction_id, payload)
    values (p_event_id, t.transaction_id, event);
    return event;
end
$$;

-- What an earlier request with this key has led to; no row when there was none. Without its event:
-- that is the earlier request's to publish, or the sweep's.
create function payments.earlier(p_merchant_id text, p_key text, p_request_hash text)
returns table (outcome text, transaction text, event_id text, event text) language sql stable as $$
    select case when t.request_hash = p_request_hash then 'replayed' else 'other_request' end,
           payments.transaction_json(t), null::text, null::text
      from payments.transactions t
     where t.merchant_id = p_merchant_id and t.idempotency_key = p_key
$$;

-- Outcomes: booked, replayed, other_request (the key was used with another body), session_used (by
-- another key), expired.
create function payments.book(
    p_transaction_id text, p_event_id text, p_merchant_id text, p_key text, p_request_hash text,
    p_session_id text, p_expires_at bigint, p_amount bigint, p_currency text, p_source_fingerprint text,
    p_reference text)
returns table (outcome text, transaction text, event_id text, event text) language plpgsql as $$
declare
    t payments.transactions;
begin
    -- By the database's own clock, so that no delayed attempt can book after a caller was told that
    -- the session is over.
    if clock_timestamp() < to_timestamp(p_expires_at) then
        insert into payments.transactions as x
            (transaction_id, kind, merchant_id, idempotency_key, request_hash, session_id, amount, currency,
             source_fingerprint, reference)
        values (p_transaction_id, 'payment', p_merchant_id, p_key, p_request_hash, p_session_id, p_amount,
                p_currency, p_source_fingerprint, p_reference)
        on conflict do nothing
        returning x.* into t;
        if found then
            return query select 'booked', payments.transaction_json(t), p_event_id,
                payments.complete(t, 'clearing:' || t.currency,
                                  'merchant:' || t.merchant_id || ':' || t.currency, p_event_id);
            return;
        end if;
    end if;
    return query select * from payments.earlier(p_merchant_id, p_key, p_request_hash);
    if not found then
        return query select case when exists (select from payments.transactions x where x.session_id = p_session_id)
                            then 'session_used' else 'expired' end, null::text, null::text, null::text;
    end if;
end
$$;

-- Outcomes: booked, replayed, other_request, not_found (no such payment), exceeds (the refunds would
-- be above the payment).
create function payments.refund(
    p_transaction_id text, p_event_id text, p_original_id text, p_key text, p_request_hash text,
    p_amount bigint, p_reason text)
returns table (outcome text, transaction text, event_id text, event text) language plpgsql as $$
declare
    original payments.transactions;
    t        payments.transactions;
begin
    select x.* into original from payments.transactions x
     where x.transaction_id = p_original_id and x.kind = 'payment';
    if not found then
        return query select 'not_found', null::text, null::text, null::text;
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_original_id, 4));
    return query select * from payments.earlier(original.merchant_id, p_key, p_request_hash);
    if found then
        return;
    end if;
    if p_amount + (select coalesce(sum(x.amount), 0) from payments.transactions x
                    where x.original_id = p_original_id) > original.amount then
        return query select 'exceeds', null::text, null::text, null::text;
        return;
    end if;
    insert into payments.transactions as x
        (transaction_id, kind, merchant_id, idempotency_key, request_hash, original_id, amount, currency, reference)
    values (p_transaction_id, 'refund', original.merchant_id, p_key, p_request_hash, p_original_id, p_amount,
            original.currency, p_reason)
    on conflict on constraint transactions_idempotency do nothing
    returning x.* into t;
    if not found then
        return query select * from payments.earlier(original.merchant_id, p_key, p_request_hash);
        return;
    end if;
    return query select 'booked', payments.transaction_json(t), p_event_id,
        payments.complete(t, 'merchant:' || t.merchant_id || ':' || t.currency,
                          'clearing:' || t.currency, p_event_id);
end
$$;

-- One transaction as callers see it, a payment with what has been given back so far.
create function payments.show(p_transaction_id text) returns text language sql stable as $$
    select case when t.kind = 'payment' then
               jsonb_set(payments.transaction_json(t)::jsonb, '{refunded}',
                   to_jsonb((select coalesce(sum(r.amount), 0)::bigint from payments.transactions r
                              where r.original_id = t.transaction_id)))::text
           else payments.transaction_json(t) end
      from payments.transactions t where t.transaction_id = p_transaction_id
$$;

-- Functions are executable by everyone unless said otherwise.
revoke execute on all functions in schema payments from public;
grant execute on function
    payments.transaction_json(payments.transactions),
    payments.complete(payments.transactions, text, text, text),
    payments.earlier(text, text, text),
    payments.book(text, text, text, text, text, text, bigint, bigint, text, text, text),
    payments.refund(text, text, text, text, text, bigint, text),
    payments.show(text),
    payments.mark_published(text[])
    to payments_app;
