"""The thin module that the notebooks share.

Each room imports only from the rooms under it. The flat files are what a reader may read, in an
hour; sources, drawn, drawings, plumbing, checks and explorer hold what a reader need not.

    checks                                         self-checks of the exercises
    activations  filters  gradcam  embeddings      looking inside any Keras model
    taps         explorer                          any layer while it runs; web drawings
    recipes                                        how the networks are trained; trained(name)
    bases        results                           pretrained bases; measured numbers on file
    drawings                                       what the lessons draw: windows, channels, steps
    training     figures                           fit, what was trained, kept; one look for figures
    models       scores     augmentation           the networks; right answers, intervals; views
    data                                           images in
    sources      drawn                             where images come from; drawn images
    store                                          what is computed once and kept on disk
    profile                                        the two switches, seeds, folders
    plumbing                                       TensorFlow's start, identity, checks, words
"""
