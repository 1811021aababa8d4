-- What came in by a form or an application, once each. `person`: a digest of phone and e-mail; `outcome`: lead, deal or repeat;
-- `record_id`: the lead or deal, empty until a lead is made.
CREATE TABLE ways_in_case (
    portal      TEXT NOT NULL,
    message     TEXT NOT NULL,
    form        TEXT NOT NULL,
    person      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    outcome     TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    PRIMARY KEY (portal, message)
);
CREATE INDEX ways_in_case_person ON ways_in_case (portal, form, person, at);
-- By what the person of a young lead is known, as digests: phone, e-mail, card.
CREATE TABLE ways_in_person (
    portal      TEXT NOT NULL,
    lead_id     TEXT NOT NULL,
    person      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (portal, lead_id, person)
);
CREATE INDEX ways_in_person_known ON ways_in_person (portal, person, at);
-- Pairs of leads that were told of each other; the older one first.
CREATE TABLE ways_in_link (
    portal      TEXT NOT NULL,
    older       TEXT NOT NULL,
    newer       TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (portal, older, newer)
);
