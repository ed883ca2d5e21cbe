"""Bodies without an envelope: their content type alone determines their meaning.

TorchServe, SageMaker, Vertex AI and Seldon share this.
"""
