"""The thin module that the notebooks share.

Each room imports only from the rooms under it:

    ledger        training                      results on file; fit, curves, intervals
    models        augmentation                  the course's networks; random views of a photo
    data                                        where images come from
    photos        fetching    drawn             cats and dogs in folders; public files; drawn images
    profile                                     the two switches, seeds, folders
"""
