"""The plan: a catalogue's objects in order, and the shards they are divided into."""
