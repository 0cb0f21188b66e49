"""The scenarios of MLPerf Inference that a row can be put through, one small file each; ``registry`` names them."""
