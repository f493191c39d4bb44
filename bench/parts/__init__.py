"""One module per part of the run; each gives figures."""
