"""What a dossier shows, and how: pure."""
