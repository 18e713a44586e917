"""The accounts of many requests, of every fate, against the counters of the engines they went to.

`python -m tests.accounting --requests 100000` prints what came of it as one line of JSON.
"""
