"""Tells what a document has lost: cut content, scripts, formulas, parts of SVG images, fonts.

The pages are looked at once (`drawn`), between layout and the writing of the PDF. What needs more
time looks only where that has found something.
"""
