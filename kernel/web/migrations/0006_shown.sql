-- Whom the CRM itself has shown a record to, by their own proof, and until when that counts (microseconds).
CREATE TABLE web_record_shown (
    portal  TEXT NOT NULL,
    person  TEXT NOT NULL,
    entity  TEXT NOT NULL,
    record  TEXT NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (portal, person, entity, record)
);
CREATE INDEX web_record_shown_until ON web_record_shown (until);
