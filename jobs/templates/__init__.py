"""Templates: documents with blanks that data fills. A template has versions, which never change."""
