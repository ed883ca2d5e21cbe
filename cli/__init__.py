"""The command line: reads options, calls the bundler, prints the result."""
