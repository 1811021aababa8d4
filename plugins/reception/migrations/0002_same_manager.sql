-- By what the client of each request is known (a digest of the phone, e-mail, Telegram name or card), and whose request it is.
CREATE TABLE reception_client (
    portal   TEXT NOT NULL,
    deal     TEXT NOT NULL,
    client   TEXT NOT NULL,
    manager  TEXT NOT NULL,
    is_open  INTEGER NOT NULL,
    PRIMARY KEY (portal, deal, client)
);
CREATE INDEX reception_client_open ON reception_client (portal, client, is_open);
