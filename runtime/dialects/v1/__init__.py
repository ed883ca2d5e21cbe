"""V1: TensorFlow Serving's REST API, which KServe calls its V1 protocol."""
