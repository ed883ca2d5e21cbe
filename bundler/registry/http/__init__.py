"""HTTP to a registry: authentication, redirects, limits and retries are all explicit."""
