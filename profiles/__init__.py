"""Country profiles: identifiers, codes, calendar, languages, legal bases, parties. Configuration only."""
