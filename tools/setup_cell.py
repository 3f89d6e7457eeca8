# @title Set-up: finds the course and starts TensorFlow. Run this cell first.
import sys; from glob import glob
for p in ["/kaggle/**/helpers/..", "seeing-*", "../../..", "../..", "..", "."]:
    sys.path[:0] = glob(p, recursive=True)
import seeing_convnets; seeing_convnets.start()  # missing? Put its zip here
