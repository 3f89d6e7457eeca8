"""The thin module that the notebooks share.

Each room imports only from the rooms under it:

    ledger        training                      results on file; fit, curves, intervals
    models                                      the course's networks
    data          drawn       animals           where images come from
    profile                                     the two switches, seeds, folders
"""
