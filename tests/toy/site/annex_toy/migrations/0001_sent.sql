CREATE TABLE toyecho_sent (of_message TEXT PRIMARY KEY, result TEXT NOT NULL);
