"""`sandhi demo`: the whole of seed A on one machine, with sandbox agencies, in front of a person's eyes."""
