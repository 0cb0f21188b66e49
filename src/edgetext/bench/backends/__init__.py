"""The programs that are compared, one small file each; ``bench.registry`` names them."""
