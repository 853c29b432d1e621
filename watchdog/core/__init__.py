"""LAW: pure. No I/O, no clock, no asyncio, no pydantic; the standard library only. Time is an argument."""
