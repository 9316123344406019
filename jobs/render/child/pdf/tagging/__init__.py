"""Completes the tags that WeasyPrint gives a PDF, for assistive technology and PDF/UA.

`tagging.py` says what is done when. The other modules each do one thing: before the PDF is written,
with the elements of the document; or after, with the objects of the PDF.
"""
