"""Events: who wants to be told what, and each event to each of them, decided anew every time."""
