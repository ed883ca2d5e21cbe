"""The command line: reads options, calls the bundler, says what happened."""
