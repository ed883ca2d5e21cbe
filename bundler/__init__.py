"""The builder: the store, the bundlefile, the lock, bundles and images."""
