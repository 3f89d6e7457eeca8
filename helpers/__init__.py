"""The thin module that the notebooks share.

Each room imports only from the rooms under it:

    checks                                      self-checks of the exercises
    activations   filters    gradcam            looking inside: none knows another
    embeddings    trained                       layers laid out in the plane; the networks of earlier notebooks, kept
    features      bases                         features of photos on disk; pretrained bases with their preprocessing
    taps          ledger     training           any layer while it runs; results on file; fit, curves, intervals
    models        augmentation                  the course's networks; random views of a photo
    data                                        where images come from
    photos        fetching    drawn             cats and dogs in folders; public files; drawn images
    keeping                                     what is computed once and kept on disk
    profile                                     the two switches, seeds, folders
"""
