# The programs as in `make install`, without the tools: `gateway` and `mock-c06` are on the PATH, as nobody in particular.
# The store and a made master key live under /srv/var: mount it, or set GATEWAY_DATABASE_URL and GATEWAY_MASTER_KEY_FILE.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/dancu \
 && /opt/dancu/bin/pip install --require-hashes --only-binary :all: -r requirements.lock \
 && python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes --only-binary :all: -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY mock_c06 mock_c06
COPY migrations migrations
COPY openapi openapi
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . \
 && /opt/dancu/bin/pip install --no-deps --no-index /build/wheels/*.whl \
 && /opt/dancu/bin/python -m compileall -q /opt/dancu/lib \
 && /opt/dancu/bin/pip uninstall --yes pip

FROM ${PYTHON}
ENV PATH=/opt/dancu/bin:$PATH PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /srv --shell /usr/sbin/nologin dancu \
 && mkdir -p /srv/var \
 && chown 10001:10001 /srv/var
COPY --from=build /opt/dancu /opt/dancu
USER 10001:10001
WORKDIR /srv
VOLUME /srv/var
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
# Listening on all addresses needs GATEWAY_PUBLIC_URL; without it the start is refused, naming it.
CMD ["gateway", "serve", "--host", "0.0.0.0", "--port", "8000"]
