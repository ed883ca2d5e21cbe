"""Types of annotations: how values are decoded from JSON, checked, and described in JSON Schema."""
