"""The broker: authenticates, decides, asks, normalises, minimises, records (see docs and `pipeline`)."""
