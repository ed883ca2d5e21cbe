"""Commands for a server that runs, or is started for them.

It is asked, measured, told to take the newest, and described as a typed client.
"""
