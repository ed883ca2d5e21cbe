"""What a measurement means.

Where the time of a request goes, what a call of the model costs, what of a difference is noise,
and what to set.
"""
