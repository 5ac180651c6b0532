"""How the columns of a table are read: which is which, what is a number, and how it is written."""
