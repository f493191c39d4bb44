"""Studies of a learner over OpenEMIS Core's REST interface; see README.md."""
