"""A running stack: its hosts, their containers and programs, and the session that removes everything at the end."""
