"""Agencies register themselves: an adapter as files, checked, tried, approved by a second person, and put on line.

folder.py       what an agency brings: names, sizes, one digest of all of it
checking.py     static checks and the dry run, each in a sealed process with a budget
probing.py      the agency's test endpoint asked once: connection, sign-in, schema, latency
grading.py      bronze, silver, gold; what an agency is excused from, and why
steps.py        the life of a version and planned outages: who may do what in which state, one log entry each
inputs.py       addresses and secrets of an adapter: written, never read
releasing.py    what a second person approves, and what happens then
live.py         what runs here now, renewed within a second of any change in any process
versioned.py    one registered adapter while it answers: canary, shadow, outage
drift.py        whether an agency changed its answers without telling
registration.py joins them for routes and commands: one method a step
"""
