"""Processes: started, supervised, drained; on which address and which device."""
