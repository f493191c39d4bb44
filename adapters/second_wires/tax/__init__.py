"""Employments and pay over X-Road: TOR `TORIK` and TSD `xteePalgaandmed` of the tax board; see README.md."""
