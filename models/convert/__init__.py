"""Converters from published weights to ONNX model directories."""
