"""Bodies: what comes without an envelope, where the content type alone says what it is.

TorchServe, SageMaker, Vertex AI and Seldon share this.
"""
