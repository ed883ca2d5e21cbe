"""ONNX graph: reads ONNX files without onnx or onnxruntime."""
