"""What people have to look at, found by the gateway itself: emergencies, many misses, agreements that end."""
