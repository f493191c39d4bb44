"""Tax: HMRC's government-to-government interface for individuals; see README.md."""
