"""The job file: its tables, reading it, and errors that name a line."""
