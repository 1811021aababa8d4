-- Whose turn each request took, so that looking again gives the same manager.
CREATE TABLE reception_turn (
    portal  TEXT NOT NULL,
    deal    TEXT NOT NULL,
    turn    BIGINT NOT NULL,
    PRIMARY KEY (portal, deal)
);

-- Requests that wait for a card being made, by the card's key.
CREATE TABLE reception_waiting (
    card  TEXT NOT NULL,
    deal  TEXT NOT NULL,
    PRIMARY KEY (card, deal)
);
