"""Bodies without an envelope: the content type alone says what they are.

TorchServe, SageMaker, Vertex AI and Seldon share this.
"""
