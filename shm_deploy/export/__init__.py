"""From a checkpoint to ONNX graphs and engines that have proved themselves."""
