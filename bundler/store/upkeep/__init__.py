"""What keeps a store sound and small.

Every byte is read again, and what differs is made good from copies that are proved right; what no
ref and no process needs is removed, without stopping anyone; and it is told where the bytes are.
"""
