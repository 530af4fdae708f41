"""How many standard errors from what is expected is more than chance."""

# By chance a share lies so far under its own in one window of 30,000.
RARE_STANDARD_ERRORS = 4

# By chance a figure lies so far under the baseline's in one window of 700.
QUALITY_STANDARD_ERRORS = 3
