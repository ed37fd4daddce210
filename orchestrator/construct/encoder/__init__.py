"""The default image encoder: EfficientNet-Lite0 as ONNX, with its notice and the script that made it."""
