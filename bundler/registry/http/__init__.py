"""HTTP to a registry, with nothing done behind our back.

Requests to one repository, answers read within limits, redirects that our name does not follow to
strangers, tokens that are shown to nobody else, and how often something is tried again.
"""
