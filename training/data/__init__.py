"""From files to batches: manifest, reading, selection, cache, random views."""
