"""The task of the usual FastAPI and Celery template, with the defaults of Celery.

It is the peer in `benchmarks.celery_template`.
"""

from __future__ import annotations

import os

from celery import Celery
from weasyprint import HTML

app = Celery("template", broker=os.environ["CELERY_URL"], backend=os.environ["CELERY_URL"])


@app.task
def render_pdf(html: str, path: str) -> str:
    HTML(string=html).write_pdf(path)
    return path
