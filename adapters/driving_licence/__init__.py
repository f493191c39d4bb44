"""Driving licences: the traffic register over X-Road; see README.md."""
