-- By what the client of a lead or deal is known, whose record it is, and whether it is open: the next one goes to the same person.
CREATE TABLE assignment_client (
    portal     TEXT NOT NULL,
    entity     TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    client     TEXT NOT NULL,     -- "phone:9161234567", "email:…", "client:17"
    person     TEXT NOT NULL,     -- empty while nobody has it
    is_open    INTEGER NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (portal, entity, record_id, client)
);
CREATE INDEX assignment_client_open ON assignment_client (portal, client) WHERE is_open = 1;

-- Who left the CRM is looked for among those who still hold something.
CREATE INDEX assignment_decision_held ON assignment_decision (portal, person) WHERE ended_at IS NULL;
