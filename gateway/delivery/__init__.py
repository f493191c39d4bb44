"""Durable work: batches and deliveries as jobs in the same database, in the same transaction as their log entries."""
