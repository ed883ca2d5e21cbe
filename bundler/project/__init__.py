"""The author's project: bundlefile, source files, ignore rules, secrets."""
