-- Who works on a deal, as its card says: what somebody may see of the partners' chats is judged by it.
CREATE TABLE partner_deal_person (
    record  TEXT NOT NULL,
    person  TEXT NOT NULL,
    role    TEXT NOT NULL,
    PRIMARY KEY (record, person, role)
);
CREATE INDEX partner_deal_person_person ON partner_deal_person (person, record);

-- Forms of «+ Партнер» that were sent off: the same one twice makes one card, and leads to it.
CREATE TABLE partner_form (
    token    TEXT PRIMARY KEY,
    person   TEXT NOT NULL,
    partner  TEXT NOT NULL,
    others   TEXT NOT NULL,
    at       BIGINT NOT NULL
);

-- Cards with the same phone, email or Telegram that somebody said are different people.
CREATE TABLE partner_other (
    partner  TEXT NOT NULL,
    other    TEXT NOT NULL,
    person   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (partner, other)
);
