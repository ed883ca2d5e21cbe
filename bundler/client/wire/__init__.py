"""Questions and replies over connections that are kept.

For a caller that waits and for one that awaits; how often a question is asked, and when again.
None of this knows what a model is.
"""
