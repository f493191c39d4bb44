"""SMS over SMPP 3.4; see README.md."""
