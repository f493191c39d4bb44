"""Contributions over X-Road: `skaSotsmaks` of the tax board; see README.md."""
