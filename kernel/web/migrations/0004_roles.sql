-- What somebody may do is looked up at each request; a session and a link only say who it is. `role` is 'operator' for whoever
-- came by the command line, and empty for a person of the CRM. An owner's session without a person was made by `annex link`.
UPDATE web_session SET role = CASE WHEN role = 'owner' AND person_id = '' THEN 'operator' ELSE '' END;
UPDATE web_link SET role = CASE WHEN role = 'owner' THEN 'operator' ELSE '' END;
