"""Running trained networks without Keras: as ONNX, on ONNX Runtime or OpenVINO, and exporting them."""
