"""National identity over X-Road: RR405 and RR412 of a population register; see README.md."""
