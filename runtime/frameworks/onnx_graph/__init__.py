"""ONNX graph: what `frameworks/onnx.py` reads of a graph by itself, without onnx or onnxruntime."""
