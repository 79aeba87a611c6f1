# One process, one volume, no root. `docker compose up` starts it; docs/operations.md tells the rest.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
WORKDIR /opt/kazasu
COPY requirements requirements
RUN /opt/venv/bin/pip install --require-hashes -r requirements/build.txt -r requirements/run.txt
COPY . .
# Compiled once here: the running process may not write beside the code, and a start costs less.
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && /opt/venv/bin/pip uninstall --yes setuptools pip \
    && python -m compileall -q --invalidation-mode unchecked-hash app /opt/venv/lib

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin kazasu \
    && install --directory --owner kazasu --group kazasu --mode 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/kazasu /opt/kazasu
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KAZASU_DATA=/data
USER kazasu
WORKDIR /opt/kazasu
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["kazasu", "serve", "--host", "0.0.0.0", "--port", "8000"]
