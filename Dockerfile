# One image for all processes: `pressrun web` (the default), `pressrun worker`, `pressrun notifier`.
FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir -c constraints.txt build \
 && /opt/build/bin/python -m build --wheel --outdir /dist \
 && python -m venv /opt/pressrun \
 && /opt/pressrun/bin/pip install --no-cache-dir -c constraints.txt /dist/*.whl

FROM python:3.13-slim-bookworm
COPY Aptfile /tmp/Aptfile
RUN apt-get update \
 && sed 's/#.*//' /tmp/Aptfile | xargs apt-get install -y --no-install-recommends \
 && rm -rf /var/lib/apt/lists/* /tmp/Aptfile \
 && fc-cache --system-only \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin pressrun \
 && install -d -o pressrun -g pressrun -m 0700 /data
COPY --from=build /opt/pressrun /opt/pressrun

# Nothing but /data and /tmp is written, so the root file system may be read-only.
ENV PATH=/opt/pressrun/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PRESSRUN_DATA_DIR=/data \
    PRESSRUN_HOST=0.0.0.0 \
    PRESSRUN_LOG_FORMAT=json
WORKDIR /data
USER 10001
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
# Of web. A worker has no port, and says in the store that it lives.
HEALTHCHECK --start-period=10s --interval=10s --timeout=5s CMD ["python", "-c", \
    "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', 8000)}/healthz\", timeout=4)"]
CMD ["pressrun", "web"]
