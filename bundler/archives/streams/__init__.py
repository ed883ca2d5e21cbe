"""Sources and destinations of archives: files, open descriptors, URLs, with or without zstd."""
