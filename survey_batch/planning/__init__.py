"""The plan: a catalogue's objects in order, and the shards that they are cut into."""
