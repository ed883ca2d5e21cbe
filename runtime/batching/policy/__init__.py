"""Policy: how many rows a batch takes, and when it goes. Arithmetic, without clock or asyncio."""
