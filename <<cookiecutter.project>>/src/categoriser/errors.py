"""The one exception for faults that the reader of the message can mend."""


class UserError(Exception):
    """Bad input: the message says what is wrong, where, and what to do."""
