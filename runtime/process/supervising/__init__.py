"""Who keeps a crew serving, and models coming and going."""
