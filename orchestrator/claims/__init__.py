"""The claim service over a Store: the 13 operations, the click inbox, attempts and deadlines."""
