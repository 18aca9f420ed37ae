# Two images; each runs as an unprivileged user and has no build tools:
#
#   docker build --tag dancu-gateway .                 the gateway alone: no line of the mock, of the demo, the portal, the tests
#   docker build --tag mock-c06 --target mock .        the mock alone: no line of the gateway, none of its packages
#
# The gateway's store and a made master key live under /srv/var: mount it, or set GATEWAY_DATABASE_URL and
# GATEWAY_MASTER_KEY_FILE.

# By digest, so that the same base is built upon everywhere, and another one under this tag is refused. To move it, with the
# tag's new digest (`docker buildx imagetools inspect python:3.13-slim` prints it): change this line, build, and run the
# suite in both images. This one is Python 3.13.15 of September 2026, as two public repositories name it; it was not pulled here.
ARG PYTHON=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON} AS tools
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements-dev.lock /
RUN python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes --only-binary :all: -r /requirements-dev.lock

FROM ${PYTHON} AS mock-build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-mock.lock ./
RUN python -m venv /opt/dancu \
 && /opt/dancu/bin/pip install --require-hashes --only-binary :all: -r requirements-mock.lock
COPY --from=tools /opt/tools /opt/tools
COPY LICENSE ./
COPY mock_c06 mock_c06
COPY openapi openapi
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels ./mock_c06 \
 && /opt/dancu/bin/pip install --no-deps --no-index /build/wheels/*.whl \
 && /opt/dancu/bin/python -m compileall -q /opt/dancu/lib \
 && /opt/dancu/bin/pip uninstall --yes pip

FROM ${PYTHON} AS mock
ENV PATH=/opt/dancu/bin:$PATH PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /srv --shell /usr/sbin/nologin dancu
COPY --from=mock-build /opt/dancu /opt/dancu
USER 10001:10001
WORKDIR /srv
EXPOSE 8100 8110
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8100/soap?wsdl', timeout=4)"]
# A container's loopback can't be published, so its two registry faces listen on all its addresses: --allow-public says
# that this is meant. Publish them on the host's loopback alone (--publish 127.0.0.1:8100:8100). The control face stays
# inside: `docker exec`, or a container that shares the network, as in compose.yaml.
CMD ["mock-c06", "serve", "--host", "0.0.0.0", "--allow-public"]

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/dancu \
 && /opt/dancu/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY --from=tools /opt/tools /opt/tools
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY migrations migrations
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . \
 && /opt/dancu/bin/pip install --no-deps --no-index /build/wheels/*.whl \
 && rm /opt/dancu/bin/mock-c06 \
 && /opt/dancu/bin/python -m compileall -q /opt/dancu/lib \
 && /opt/dancu/bin/pip uninstall --yes pip

FROM ${PYTHON}
ENV PATH=/opt/dancu/bin:$PATH PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /srv --shell /usr/sbin/nologin dancu \
 && install --directory --mode 0700 --owner 10001 --group 10001 /srv/var
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
