"""Templates: named documents with blanks, each version of which never changes, and the data that fills them."""
