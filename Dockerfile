# The operator's image. BASE is any Debian-like image with Python 3.11 or later and its venv module.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY requirements/operator.txt /tmp/requirements.txt
RUN python3 -m venv /opt/operator \
    && /opt/operator/bin/pip install --no-cache-dir --require-hashes --requirement /tmp/requirements.txt
COPY src/etcd_operator /opt/operator/src/etcd_operator
# The root file system is read-only at run time, so compile now. pip itself is not needed then, nor
# are the 12 MB by which zstandard serves other Pythons than CPython.
RUN /opt/operator/bin/python -m compileall -q /opt/operator/src \
    && /opt/operator/bin/pip uninstall --quiet --yes setuptools pip \
    && rm -f /opt/operator/lib/python3*/site-packages/zstandard/_cffi.*.so

FROM ${BASE}
COPY --from=build /opt/operator /opt/operator
# What the start needed goes back to the system: a tenth of the memory at rest.
ENV PYTHONPATH=/opt/operator/src PYTHONUNBUFFERED=1 MALLOC_TRIM_THRESHOLD_=65536
USER 65532:65532
EXPOSE 8081
ENTRYPOINT ["/opt/operator/bin/python", "-m", "etcd_operator"]
