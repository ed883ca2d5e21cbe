"""The files that packages are installed from.

Where they are to be had, what lies in one without fetching it, which of them would write over
another's files, and all of them in one folder for where no network is.
"""
