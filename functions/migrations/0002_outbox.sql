-- Events wait here from the booking's own commit until the topic has taken them.

create table payments.outbox (
    event_id       text primary key check (event_id ~ '^evt_[a-p]{32}$'),
    transaction_id text not null references payments.transactions (transaction_id),
    -- The message exactly as it is published.
    payload        text not null,
    created_at     timestamptz not null default clock_timestamp(),
    published_at   timestamptz
);
create index outbox_waiting on payments.outbox (created_at) where published_at is null;

-- The one change there is: an unpublished event becomes published, once.
create function payments.restrict_outbox_change() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' or old.published_at is not null or new.published_at is null
       or (new.event_id, new.transaction_id, new.payload, new.created_at)
          is distinct from (old.event_id, old.transaction_id, old.payload, old.created_at) then
        raise exception 'an outbox row only becomes published' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger outbox_change before update or delete on payments.outbox
    for each row execute function payments.restrict_outbox_change();
create trigger outbox_truncate before truncate on payments.outbox
    for each statement execute function payments.refuse_change();

-- Notes that the topic has taken these events. Without waiting for the disk: a note lost in a crash makes
-- an event come twice, which its id tells, while each booking would pay for a second commit. The setting
-- ends with the transaction.
create function payments.mark_published(p_event_ids text[]) returns void language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    update payments.outbox set published_at = clock_timestamp()
     where event_id = any (p_event_ids) and published_at is null;
end
$$;

grant select, insert on payments.outbox to payments_app;
grant update (published_at) on payments.outbox to payments_app;
