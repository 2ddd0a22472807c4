"""A run as ONNX, as a folder for timm, with its model card; predicting with it."""
