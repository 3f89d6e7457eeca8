"""What a reader need not read: fetching, finding, unpacking and checking what ``helpers.data`` hands out.

    finding                  where each dataset may be on this machine, and what is here
    splitting                photos split into training, validation and test, built once
    unpacking                photos as their publishers pack them
    digits      photos       files of digits as arrays; photos that TensorFlow cannot decode
    fetching    caches       public files; what the course keeps, and removing it

``python -m helpers.sources`` (or ``python course.py data``) is the command line.
"""
