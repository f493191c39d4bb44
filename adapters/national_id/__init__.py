"""National identity: MOSIP IDA; see README.md."""
