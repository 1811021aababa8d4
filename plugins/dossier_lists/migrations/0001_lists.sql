-- Elements of lists that we wrote, and what is to become of each. All times are microseconds.
CREATE TABLE dossier_list_element (
    portal     TEXT NOT NULL,
    list       TEXT NOT NULL,
    code       TEXT NOT NULL,
    entity     TEXT NOT NULL,    -- on whose card it hangs; empty: on none
    record     TEXT NOT NULL,
    client_id  TEXT NOT NULL,    -- whose row it is; empty: not known, for we only found it there
    written    TEXT NOT NULL,    -- digest of what the list holds; empty: nobody knows
    there      BIGINT NOT NULL,  -- 1: the list holds an element of that code, as far as we know
    state      TEXT NOT NULL,    -- kept, or waits: put, drop
    wanted     TEXT NOT NULL,    -- digest of what it is to hold
    content    TEXT NOT NULL,    -- name and values, where it waits or may have to be marked later; else empty
    turn       BIGINT NOT NULL,  -- waiting ones leave in this order
    place      BIGINT NOT NULL,
    gone_at    BIGINT NOT NULL,  -- since when the back office has the row no more, where the list keeps it; else 0
    made_at    BIGINT NOT NULL,  -- of a line of the request log: when it was asked
    refused    TEXT NOT NULL,    -- why the CRM did not take it; empty: it did, or was not asked yet
    PRIMARY KEY (portal, list, code)
);
CREATE INDEX dossier_list_element_waiting ON dossier_list_element (portal, state, turn, place);
CREATE INDEX dossier_list_element_card ON dossier_list_element (portal, entity, record, list);
CREATE INDEX dossier_list_element_client ON dossier_list_element (portal, client_id);
CREATE INDEX dossier_list_element_made ON dossier_list_element (portal, list, made_at);

-- One list of one card: when it was last brought up to date, and whether that is to be done again.
CREATE TABLE dossier_list_pass (
    portal      TEXT NOT NULL,
    list        TEXT NOT NULL,
    entity      TEXT NOT NULL,
    record      TEXT NOT NULL,
    set_name    TEXT NOT NULL,
    table_name  TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    due_at      BIGINT NOT NULL,  -- 0: nothing is to be done
    begun_at    BIGINT NOT NULL,  -- when the last one began
    known       BIGINT NOT NULL,  -- 1: what the list holds of the card was asked for
    fewer_at    BIGINT NOT NULL,  -- when an answer first had so few rows that nothing was deleted; 0: the last one had not
    doubled     BIGINT NOT NULL,  -- rows of the last answer whose key another row had already
    PRIMARY KEY (portal, list, entity, record)
);
CREATE INDEX dossier_list_pass_due ON dossier_list_pass (portal, due_at);

-- When the next request may leave at the earliest, and how far the request log was taken over.
CREATE TABLE dossier_list_state (
    portal      TEXT NOT NULL PRIMARY KEY,
    not_before  BIGINT NOT NULL,
    log_upto    BIGINT NOT NULL
);
