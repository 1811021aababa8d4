-- Conversations know by now who sees the messages of a deal: told of the deals that are known, as keep_deal_people does.
INSERT INTO viewed_record (record) SELECT DISTINCT record FROM partner_deal_person WHERE 1 = 1 ON CONFLICT DO NOTHING;
INSERT INTO record_viewer (record, person, automatic)
    SELECT record, person, MAX(CASE WHEN role = 'manager' THEN 1 ELSE 0 END) FROM partner_deal_person GROUP BY record, person;
INSERT INTO message_viewer (person, at, message, thread, direction)
    SELECT record_viewer.person, message.at, message.id, message.thread, message.direction
    FROM record_viewer JOIN message ON message.record = record_viewer.record
    WHERE record_viewer.automatic = 1 OR message.direction <> 'out' OR message.author <> '';
