"""A live server, and what is taken away from it: each row of the table of faults, done for real."""
